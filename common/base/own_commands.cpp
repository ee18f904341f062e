#include "base/own_commands.hpp"

namespace postern {

std::string with_own_options(std::string_view text, std::string_view program, std::string_view options) {
    std::string told(text);
    if (options.empty()) {
        return told;
    }
    const std::string command = std::string(program) + " ";
    for (auto at = told.find(command); at != told.npos; at = told.find(command, at)) {
        at += command.size();
        const bool is_command = at < told.size() && told[at] >= 'a' && told[at] <= 'z';
        if (is_command) {
            told.insert(at, std::string(options) + " ");
            at += options.size() + 1;
        }
    }
    return told;
}

}  // namespace postern
