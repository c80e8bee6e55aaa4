"""Methods that ask for f with some units removed, and need no gradient."""

from .inquiry import Answer as Answer
from .inquiry import CoalitionPlan as CoalitionPlan
from .inquiry import Inquiry as Inquiry
from .inquiry import Interactions as Interactions
from .inquiry import Removed as Removed
from .inquiry import Units as Units
from .inquiry import UnitScores as UnitScores
