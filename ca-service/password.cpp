#include "ca-service/password.hpp"

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <argon2.h>
#include <fmt/format.h>

#include "pki/digest.hpp"

namespace postern::ca {

namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

}  // namespace

Result<Secret> prepare_password(const Secret& password) {
    const std::string_view typed = password.reveal();
    std::string mapped;
    // The space is reserved, because a string that grows leaves copies of the password behind.
    mapped.reserve(typed.size() + 1);
    const auto* at = reinterpret_cast<const std::uint8_t*>(typed.data());
    for (std::size_t left = typed.size(); left > 0;) {
        ucs4_t character = 0;
        const int length = ::u8_mbtoucr(&character, at, left);
        const bool is_control =
            length > 0 && ::uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cc);
        if (length <= 0 || is_control) {
            const Secret wiped(std::move(mapped));
            return Failure{Code::malformed_request, is_control ? "the password holds a control character"
                                                               : "the password is not UTF-8"};
        }
        if (::uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Zs)) {
            mapped += ' ';
        } else {
            mapped.append(reinterpret_cast<const char*>(at), static_cast<std::size_t>(length));
        }
        at += length;
        left -= static_cast<std::size_t>(length);
    }
    const Secret before(std::move(mapped));
    std::size_t size = 0;
    std::uint8_t* const composed =
        ::u8_normalize(UNINORM_NFC, reinterpret_cast<const std::uint8_t*>(before.reveal().data()),
                       before.reveal().size(), nullptr, &size);
    if (composed == nullptr) {
        throw std::bad_alloc();
    }
    Secret prepared(std::string_view(reinterpret_cast<const char*>(composed), size));
    ::explicit_bzero(composed, size);
    std::free(composed);
    return prepared;
}

Result<Secret> check_new_password(const Secret& password) {
    auto prepared = prepare_password(password);
    if (!prepared) {
        return prepared;
    }
    const std::size_t size = prepared->reveal().size();
    if (size < kLeastPasswordBytes) {
        return Failure{Code::malformed_request,
                       fmt::format("the password has fewer than {} characters", kLeastPasswordBytes)};
    }
    if (size > kMostPasswordBytes) {
        return Failure{Code::malformed_request,
                       fmt::format("the password is longer than {} bytes", kMostPasswordBytes)};
    }
    return prepared;
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
