"""`biome-interpret evaluate`: which method explains a model best?"""
