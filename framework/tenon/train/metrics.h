#pragma once

/// All metrics.
#include "tenon/train/classification_metrics.h"
#include "tenon/train/confusion_matrix.h"
#include "tenon/train/metric.h"
#include "tenon/train/perplexity.h"
#include "tenon/train/precision_recall.h"
#include "tenon/train/ranking_metrics.h"
#include "tenon/train/regression_metrics.h"
