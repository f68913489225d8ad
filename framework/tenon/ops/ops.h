#pragma once

/// Every operation.
#include "tenon/ops/activation.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/dropout.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/index.h"
#include "tenon/ops/linear.h"
#include "tenon/ops/loss.h"
#include "tenon/ops/matmul.h"
#include "tenon/ops/norm.h"
#include "tenon/ops/pool2d.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tenon/ops/softmax.h"
#include "tenon/ops/sort.h"
