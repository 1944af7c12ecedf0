"""Fitting models to the user's own data: the plan, parts that share no item, and the folder of models."""

from audit.fit.loading import FitPlan, load_fit_plan, read_fit_plan
from audit.fit.running import FitCallbacks, fit_models
from audit.fit.spec import FitSpec
from audit.fit.splitting import content_digests

__all__ = [
    "FitCallbacks", "FitPlan", "FitSpec", "content_digests", "fit_models", "load_fit_plan", "read_fit_plan",
]
