#include "ca-service/password.hpp"

#include <stdexcept>

#include <argon2.h>
#include <fmt/format.h>

#include "pki/digest.hpp"

namespace postern::ca {

namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

}  // namespace

Result<void> check_new_password(const Secret& password) {
    const std::size_t size = password.reveal().size();
    if (size < kLeastPasswordBytes) {
        return Failure{Code::malformed_request,
                       fmt::format("the password has fewer than {} characters", kLeastPasswordBytes)};
    }
    if (size > kMostPasswordBytes) {
        return Failure{Code::malformed_request,
                       fmt::format("the password is longer than {} bytes", kMostPasswordBytes)};
    }
    if (password.reveal().find('\0') != std::string_view::npos) {
        return Failure{Code::malformed_request, "the password holds a NUL byte"};
    }
    return {};
}

PasswordHasher::PasswordHasher(PasswordCost cost)
    : cost_(cost),
      parameters_(fmt::format("$argon2id$v={}$m={},t={},p={}$", static_cast<int>(ARGON2_VERSION_13),
                              cost.memory_kib, cost.passes, cost.lanes)),
      stand_in_(hash(pki::random_token(32))) {}

std::string PasswordHasher::hash(const Secret& password) const {
    const auto salt = pki::random_bytes(kSaltBytes);
    std::string encoded(
        argon2_encodedlen(cost_.passes, cost_.memory_kib, cost_.lanes, kSaltBytes, kHashBytes, Argon2_id),
        '\0');
    const int outcome = argon2id_hash_encoded(cost_.passes, cost_.memory_kib, cost_.lanes,
                                              password.reveal().data(), password.reveal().size(), salt.data(),
                                              salt.size(), kHashBytes, encoded.data(), encoded.size());
    if (outcome != ARGON2_OK) {
        throw std::runtime_error(std::string("argon2id: ") + argon2_error_message(outcome));
    }
    encoded.resize(encoded.find('\0'));
    return encoded;
}

bool PasswordHasher::verify(const std::string& hash, const Secret& password) const {
    const bool is_known = !hash.empty();
    const std::string& compared = is_known ? hash : stand_in_;
    const int outcome = argon2id_verify(compared.c_str(), password.reveal().data(), password.reveal().size());
    if (outcome == ARGON2_MEMORY_ALLOCATION_ERROR) {
        throw std::runtime_error(std::string("argon2id: ") + argon2_error_message(outcome));
    }
    return is_known && outcome == ARGON2_OK;
}

bool PasswordHasher::needs_rehash(const std::string& hash) const {
    return !hash.starts_with(parameters_);
}

}  // namespace postern::ca
