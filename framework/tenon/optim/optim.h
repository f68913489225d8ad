#pragma once

#include "tenon/optim/adagrad.h"
#include "tenon/optim/adam.h"
#include "tenon/optim/adamw.h"
#include "tenon/optim/clip.h"
#include "tenon/optim/lion.h"
#include "tenon/optim/nadam.h"
#include "tenon/optim/optimizer.h"
#include "tenon/optim/rmsprop.h"
#include "tenon/optim/schedule.h"
#include "tenon/optim/schedule_any.h"
#include "tenon/optim/schedule_plateau.h"
#include "tenon/optim/sgd.h"
