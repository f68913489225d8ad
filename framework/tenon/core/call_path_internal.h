#pragma once

#include <string>
#include <string_view>

#include "tenon/core/where.h"

namespace tenon {

/// A module's place in the tree of calls, "LeNet5.conv1": interned once, never freed, shared by all
/// threads.
struct CallPath;
/// The text; the root is a type's mangled name and comes out readable.
std::string to_string(const CallPath* path);

/// Where an operation was called: the user's innermost line, the outermost one, the module.
struct Location {
  Where where;
  Where outermost;
  const CallPath* path;
};
/// "at lenet5.cpp:20 in LeNet5.conv1, called from train.cpp:42"
std::string to_string(const Location& location);

/// Completes the line that an operation was given by the thread's module calls and Origin.
Location locate(Where where);
/// The line of the innermost module call, for layers of the library, which pass it on; `fallback`
/// outside of calls.
Where call_site(Where fallback = Where::current());

/// One module call on this thread's stack. `name` is a child's name, or the mangled type name of a
/// root.
class CallFrame {
 public:
  CallFrame(std::string_view name, Where where);
  ~CallFrame();
  CallFrame(const CallFrame&) = delete;
  CallFrame& operator=(const CallFrame&) = delete;

 private:
  friend Location locate(Where);
  friend Where call_site(Where);
  friend struct ThreadCalls;
  const CallPath* path_;
  Where where_;
  const CallFrame* parent_;
};

/// While it lives, every operation of this thread reports this location: for functions that are
/// made of operations (the outermost wins), and for rules, which report the line of their node
/// (`force`).
class Origin {
 public:
  explicit Origin(Where where);
  explicit Origin(const Location& location);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

 private:
  Location location_;
  const Location* previous_;
};

/// The frames and origin of a thread, to be installed on another (a shard's).
struct ThreadCalls {
  const CallFrame* frame = nullptr;
  const Location* origin = nullptr;
  static ThreadCalls current();
  static void install(ThreadCalls calls);
};

}  // namespace tenon
