#pragma once

#include "tenon/optim/adam.h"
#include "tenon/optim/adamw.h"
#include "tenon/optim/clip.h"
#include "tenon/optim/optimizer.h"
#include "tenon/optim/rmsprop.h"
#include "tenon/optim/schedule.h"
#include "tenon/optim/sgd.h"
