#include "tenon/train/plateau.h"

#include "tenon/core/fault_internal.h"
#include "tenon/train/trainer.h"

namespace tenon {

Plateau::Plateau(const PlateauOptions& options, Where where)
    : figure_(options.figure), reduce_(options.reduce, where) {}

void Plateau::on_fit_begin(Trainer& trainer) {
  if (trainer.options().schedule)
    Fault("Plateau", where())
        .fix("Leave out one of the two.")
        .raise<DataError>("the trainer has a schedule, which sets the learning rate at each step");
  trainer.optimizer().set_learning_rate(reduce_.learning_rate());
}

void Plateau::on_epoch_end(Trainer& trainer, const Logs& logs) {
  trainer.optimizer().set_learning_rate(reduce_.observe(logs.at(figure_, where())));
}

}  // namespace tenon
