#pragma once

#include "tenon/data/dataset.h"
#include "tenon/data/idx.h"
#include "tenon/data/image_dataset.h"
#include "tenon/data/loader.h"
#include "tenon/data/mnist.h"
#include "tenon/data/subset.h"
#include "tenon/data/tensor_dataset.h"
