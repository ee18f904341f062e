// "Did you mean": the known word that is nearest to one that nobody knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern {

/// Empty when none is near: more than two letters (of a long word a third) would have to change. Words are
/// short, and the known ones few.
std::string nearest_word(std::string_view unknown, const std::vector<std::string>& known);

}  // namespace postern
