#include "ca-service/commands/password_prompt.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "base/secret_line.hpp"
#include "ca-service/password.hpp"

namespace postern::ca::commands {

CommandResult<Secret> read_new_password(const std::string& user, bool is_from_stdin) {
    const auto password = is_from_stdin
                              ? read_secret_input(SecretKind::password)
                              : ask_secret(fmt::format("New password for {}: ", user), SecretKind::password);
    if (!password) {
        return CommandError{Exit::failed, fmt::format("no password was given: {}", password.error().detail),
                            "type one, or pipe it in with --password-stdin"};
    }
    if (!is_from_stdin) {
        const auto again = ask_secret("The same again: ", SecretKind::password);
        if (!again || password->reveal() != again->reveal()) {
            return CommandError{Exit::failed, "the two passwords differ", "run the command again"};
        }
    }
    auto checked = check_new_password(*password);
    if (!checked) {
        return CommandError{
            Exit::failed, checked.error().detail,
            fmt::format("use at least {} characters; several words are a good choice", kLeastPasswordBytes)};
    }
    return std::move(*checked);
}

}  // namespace postern::ca::commands
