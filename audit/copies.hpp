// Where audit lines go besides their file. Copies may be lost (and then say so); the file may not.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace postern::audit {

class Copies {
public:
    /// `targets`: "stdout", "journald". Code::config_invalid for another word.
    static Result<Copies> make(const std::vector<std::string>& targets, std::string program);

    /// Blocks as long as the target does. `lost` lines before these were dropped.
    void write(const std::deque<std::string>& lines, std::uint64_t lost) const;

private:
    std::string program_;
    bool is_to_stdout_ = false;
    bool is_to_journal_ = false;
};

}  // namespace postern::audit
