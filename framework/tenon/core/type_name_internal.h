#pragma once

#include <string>

namespace tenon {

/// A type as people write it, without its namespaces, from typeid(...).name(): "Net" of
/// "app::(anonymous namespace)::Net", "Wrap<a::B>" of "app::Wrap<a::B>".
std::string short_type_name(const char* mangled);

}  // namespace tenon
