#include "base/result.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace postern {

bool is_certificate_verdict(Code code) noexcept {
    switch (code) {
        case Code::no_certificate:
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::expired:
        case Code::not_yet_valid:
        case Code::wrong_purpose:
        case Code::malformed_certificate:
        case Code::revoked:
        case Code::user_disabled:
        case Code::session_ended:
            return true;
        default:
            return false;
    }
}

void throw_exception_from_error(const Failure& failure, const boost::source_location& where) {
    throw std::logic_error(fmt::format("{}:{}: value of a failed result: {}: {}", where.file_name(),
                                       where.line(), name(failure.code), failure.detail));
}

Failure with_context(std::string_view context, Failure failure) {
    failure.detail =
        failure.detail.empty() ? std::string(context) : fmt::format("{}: {}", context, failure.detail);
    return failure;
}

}  // namespace postern
