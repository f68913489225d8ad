#include <fmt/format.h>

#include <atomic>

#include "tenon/core/call_path_internal.h"
#include "tenon/core/type_name_internal.h"

namespace tenon {

struct CallPath {
  std::string name;
  const CallPath* parent;
  CallPath* next = nullptr;  ///< the sibling that was there before
  std::atomic<CallPath*> first_child{nullptr};
};

namespace {

CallPath& root_path() {
  static CallPath* const root = new CallPath{{}, nullptr};  // outlives every thread
  return *root;
}

thread_local const CallFrame* t_frame = nullptr;
thread_local const Location* t_origin = nullptr;

/// Finds or adds a child. Children are only ever pushed, so readers need no lock; a lost race adds
/// a twin, which is harmless.
const CallPath* intern(const CallPath* parent, std::string_view name) {
  CallPath& at = parent ? const_cast<CallPath&>(*parent) : root_path();
  CallPath* head = at.first_child.load(std::memory_order_acquire);
  for (const CallPath* child = head; child; child = child->next)
    if (child->name == name) return child;
  auto* fresh = new CallPath{std::string(name), &at};
  fresh->next = head;
  while (!at.first_child.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel)) {
  }
  return fresh;
}

std::string_view file_name(const char* path) {
  const std::string_view text(path);
  const std::size_t slash = text.rfind('/');
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

bool same_line(Where a, Where b) {
  return a.line() == b.line() && std::string_view(a.file()) == b.file();
}

}  // namespace

std::string to_string(const CallPath* path) {
  if (!path || path == &root_path()) return {};
  if (path->parent == &root_path()) return short_type_name(path->name.c_str());
  return to_string(path->parent) + "." + path->name;
}

std::string to_string(const Location& location) {
  std::string text =
      fmt::format("at {}:{}", file_name(location.where.file()), location.where.line());
  if (location.path) text += " in " + to_string(location.path);
  if (!same_line(location.where, location.outermost))
    text += fmt::format(", called from {}:{}", file_name(location.outermost.file()),
                        location.outermost.line());
  return text;
}

CallFrame::CallFrame(std::string_view name, Where where)
    : path_(intern(t_frame ? t_frame->path_ : nullptr, name)), where_(where), parent_(t_frame) {
  t_frame = this;
}
CallFrame::~CallFrame() { t_frame = parent_; }

Location locate(Where where) {
  if (t_origin) return *t_origin;
  if (!t_frame) return {where, where, nullptr};
  const CallFrame* outermost = t_frame;
  while (outermost->parent_) outermost = outermost->parent_;
  return {where, outermost->where_, t_frame->path_};
}

Where call_site(Where fallback) { return t_frame ? t_frame->where_ : fallback; }

Origin::Origin(Where where) : location_(locate(where)), previous_(t_origin) {
  if (!t_origin) t_origin = &location_;
}
Origin::Origin(const Location& location) : location_(location), previous_(t_origin) {
  t_origin = &location_;
}
Origin::~Origin() { t_origin = previous_; }

ThreadCalls ThreadCalls::current() { return {t_frame, t_origin}; }
void ThreadCalls::install(ThreadCalls calls) {
  t_frame = calls.frame;
  t_origin = calls.origin;
}

}  // namespace tenon
