#!/usr/bin/env python3
"""Makes tests/data/golden/metrics.golden: what scikit-learn's metrics are of random outputs, in double precision (the file
here: scikit-learn 1.9.1, numpy 2.4.6).

Run by hand, where numpy and scikit-learn are installed; the tests read only the file:
    python3 tests/golden/make_metrics.py
The format is that of make.py: a case has outputs, targets, "cut", the sizes of the batches they are fed in, and its figures.
"""
import pathlib

import numpy
from sklearn import metrics

random = numpy.random.default_rng(20240316)
lines = []


def write(case, name, values):
    values = numpy.asarray(values)
    is_floating = values.dtype.kind == "f"
    shape = "x".join(map(str, values.shape)) or "-"
    numbers = [repr(float(v)) if is_floating else str(int(v)) for v in values.flatten()]
    lines.append(" ".join([case, name, "f64" if is_floating else "i64", shape, *numbers]))


def case(name, outputs, targets, cut, **figures):
    assert sum(cut) == len(outputs) == len(targets), name
    write(name, "outputs", outputs)
    write(name, "targets", targets)
    write(name, "cut", cut)
    for figure, values in figures.items():
        write(name, figure, values)


def normal(*shape):
    return numpy.round(random.standard_normal(shape), 3)


def of_classes(targets, predicted, classes):
    """Accuracy, confusion matrix, and precision, recall and F1 of each class and averaged. Without `labels`, scikit-learn
    averages over the classes that occur."""
    figures = {"accuracy": metrics.accuracy_score(targets, predicted),
               "confusion": metrics.confusion_matrix(targets, predicted, labels=range(classes))}
    for name, function in [("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)]:
        figures[name + "_per_class"] = function(targets, predicted, labels=range(classes), average=None, zero_division=0)
        for average in ["macro", "micro", "weighted"] + ["binary"] * (classes == 2):
            figures[f"{name}_{average}"] = function(targets, predicted, average=average, zero_division=0)
    return figures


def classes(name, outputs, targets, cut, ks=()):
    """outputs: scores [N, C] without ties; targets: class indices."""
    count = outputs.shape[1]
    figures = of_classes(targets, outputs.argmax(axis=1), count)
    for k in ks:
        figures[f"top_{k}"] = metrics.top_k_accuracy_score(targets, outputs, k=k, labels=range(count))
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    probabilities = numpy.exp(shifted) / numpy.exp(shifted).sum(axis=1, keepdims=True)
    figures["perplexity"] = numpy.exp(metrics.log_loss(targets, probabilities, labels=range(count)))
    case(name, outputs, targets, cut, **figures)


targets = random.integers(0, 5, 40)
right = numpy.eye(5)[targets] * 1.5
classes("classes", normal(40, 5) + right, targets, [16, 16, 8], ks=(1, 2, 3, 4))
# Class 3 is never a target nor predicted, 1 never predicted, 4 never a target.
targets = random.choice([0, 1, 2, 5], 37, p=[0.6, 0.2, 0.1, 0.1])
outputs = normal(37, 6) + numpy.eye(6)[targets] - [0, 20, 0, 30, 0, 0]
classes("missing_classes", outputs, targets, [1, 30, 5, 1], ks=(1, 2, 5))
targets = random.integers(0, 2, 23)
classes("two_classes", normal(23, 2), targets, [10, 10, 3])
classes("one_sample", normal(1, 3), numpy.array([2]), [1], ks=(1, 2))

# One score a sample: class 1 above 0.
scores = normal(31)
targets = (scores + normal(31) > 0.4).astype(int)
case("single_scores", scores, targets, [7, 7, 7, 7, 3], **of_classes(targets, (scores > 0).astype(int), 2),
     auroc=metrics.roc_auc_score(targets, scores))
# Outputs are the predictions themselves.
predicted, targets = random.integers(0, 4, 29), random.integers(0, 4, 29)
case("predictions", predicted, targets, [20, 9], **of_classes(targets, predicted, 4))

# Equal scores, within and across the classes and the batches; a rare class; all scores equal; separated ones.
for name, scores, targets, cut in [
        ("auroc_ties", numpy.round(random.standard_normal(60) * 2) / 2, random.integers(0, 2, 60), [25, 1, 25, 9]),
        ("auroc_rare", numpy.round(random.random(50), 1), (numpy.arange(50) % 17 == 5).astype(int), [32, 18]),
        ("auroc_equal", numpy.full(9, 0.25), random.permutation([0] * 5 + [1] * 4), [4, 5]),
        ("auroc_separated", numpy.arange(12.0) - 6, (numpy.arange(12) > 7).astype(int), [5, 5, 2]),
        ("auroc_reversed", 6 - numpy.arange(12.0), (numpy.arange(12) > 7).astype(int), [5, 5, 2])]:
    case(name, scores, targets, cut, auroc=metrics.roc_auc_score(targets, scores))


def regression(name, outputs, targets, cut):
    figures = {"mse": metrics.mean_squared_error(targets, outputs), "mae": metrics.mean_absolute_error(targets, outputs)}
    figures["r2"] = metrics.r2_score(targets, outputs)
    figures["r2_weighted"] = metrics.r2_score(targets, outputs, multioutput="variance_weighted")
    figures["r2_per_output"] = metrics.r2_score(targets, outputs, multioutput="raw_values")
    case(name, outputs, targets, cut, **figures)


targets = normal(33) * 3
regression("regression", targets + normal(33), targets, [16, 16, 1])
# Numbers of different variance, far from 0; the last is constant, and wrong once.
targets = normal(20, 3) * [1, 10, 0] + [1000, -5, 2]
outputs = targets + normal(20, 3) * [1, 2, 0]
outputs[7, 2] += 0.5
regression("regression_outputs", outputs, targets, [3, 16, 1])
# A constant that is met.
outputs = normal(6, 2) * [1, 0] + 1
targets = outputs + normal(6, 2) * [1, 0]
regression("regression_constant", outputs, targets, [4, 2])
regression("regression_all_constant", numpy.ones((4, 2)), numpy.ones((4, 2)) * [1, 3], [4])

folder = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
(folder / "metrics.golden").write_text("\n".join(lines) + "\n")
