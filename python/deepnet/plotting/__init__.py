"""Pictures: the course's three plotting functions, views of a model on data, and the demo's pictures.

The views take a model and data, and draw into the axes `ax` or the current ones, which they return. They show
nothing and save nothing: ``ax.figure.savefig("curves.png")`` or ``matplotlib.pyplot.show()`` does.

Matplotlib is imported when a picture is drawn, so importing deepnet is fast and works without it.
"""

from ._course import plot_costs, plot_decision_boundary, print_mislabeled_images
from ._pictures import image_grid, save_image_grid, save_training_picture
from ._views import (
    plot_activations,
    plot_confusion_matrix,
    plot_first_layer,
    plot_gradients,
    plot_learning_curves,
    plot_reliability,
    plot_residuals,
)

__all__ = [
    "image_grid",
    "plot_activations",
    "plot_confusion_matrix",
    "plot_costs",
    "plot_decision_boundary",
    "plot_first_layer",
    "plot_gradients",
    "plot_learning_curves",
    "plot_reliability",
    "plot_residuals",
    "print_mislabeled_images",
    "save_image_grid",
    "save_training_picture",
]
