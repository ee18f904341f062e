// Runs a command at a terminal of its own (tests/support/at_terminal.py), with a person who waits for a text
// and types an answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/process.hpp"

namespace postern::test {

/// Pairs of the text that is waited for and the answer that is typed then.
using Steps = std::vector<std::pair<std::string, std::string>>;

inline ProcessResult at_terminal(const Steps& steps, std::vector<std::string> command,
                                 ProcessOptions options = {}, int columns = 100) {
    std::vector<std::string> all{"/usr/bin/python3", POSTERN_SOURCE "/tests/support/at_terminal.py",
                                 std::to_string(columns), nlohmann::json(steps).dump()};
    all.insert(all.end(), command.begin(), command.end());
    options.environment.emplace("TERM", "xterm");
    options.environment.emplace("LC_ALL", "C.UTF-8");
    return run(std::move(all), std::move(options));
}

}  // namespace postern::test
