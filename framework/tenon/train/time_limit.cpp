#include "tenon/train/time_limit.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/train/progress.h"
#include "tenon/train/trainer.h"

namespace tenon {

TimeLimit::TimeLimit(double seconds, Where where) : seconds_(seconds) {
  if (!(seconds > 0))
    Fault("TimeLimit", where)
        .raise<DataError>(fmt::format("seconds is {} but must be above 0", seconds));
}

void TimeLimit::on_fit_begin(Trainer&) { start_seconds_ = steady_seconds(); }

void TimeLimit::on_batch_end(Trainer& trainer) {
  if (steady_seconds() - start_seconds_ >= seconds_)
    trainer.stop(fmt::format("the time limit of {} is over", to_duration(seconds_)));
}

}  // namespace tenon
