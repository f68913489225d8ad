#include "tenon/autograd/grad_mode.h"

#include <utility>

#include "tenon/autograd/record.h"
#include "tenon/autograd/thread_state_internal.h"

namespace tenon {
namespace {
thread_local ThreadState t_state;
}

bool is_recording() noexcept { return t_state.recording; }
bool detail::anomaly_checked() noexcept { return t_state.anomaly; }

NoGradGuard::NoGradGuard() noexcept : previous_(std::exchange(t_state.recording, false)) {}
NoGradGuard::~NoGradGuard() { t_state.recording = previous_; }

AnomalyGuard::AnomalyGuard() noexcept : previous_(std::exchange(t_state.anomaly, true)) {}
AnomalyGuard::~AnomalyGuard() { t_state.anomaly = previous_; }

ThreadState ThreadState::current() noexcept { return t_state; }
void ThreadState::install() const noexcept { t_state = *this; }

}  // namespace tenon
