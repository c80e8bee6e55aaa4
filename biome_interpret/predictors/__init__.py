from biome_interpret.predictors.saliency_predictor import SaliencyPredictor

__all__ = ["SaliencyPredictor"]
