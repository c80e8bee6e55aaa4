"""How is the model left as it was?"""
