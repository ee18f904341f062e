#include "net/tls_algorithms.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace postern::net {

namespace {

/// Keys that certificates have.
constexpr std::array<std::string_view, 5> kCertificateKeys = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};
/// Besides: key shares, and what OpenSSL derives keys with.
constexpr std::array<std::string_view, 4> kHandshakeKeys = {"X25519", "X448", "HKDF", "TLS1-PRF"};

/// The default provider in a context of its own, whose algorithms are lent on.
struct Lender {
    OSSL_LIB_CTX* context = nullptr;
    OSSL_PROVIDER* provider = nullptr;
    std::vector<OSSL_ALGORITHM> decoders;
    std::vector<OSSL_ALGORITHM> keys;
};

Lender& lender() {
    static Lender only;
    return only;
}

/// "EC:id-ecPublicKey:1.2.840.10045.2.1" is one algorithm under three names.
bool is_one_of(std::span<const std::string_view> wanted, const OSSL_ALGORITHM& algorithm) {
    const std::string_view names = algorithm.algorithm_names;
    const std::string_view first = names.substr(0, names.find(':'));
    return std::find(wanted.begin(), wanted.end(), first) != wanted.end();
}

bool is_wanted_key(const OSSL_ALGORITHM& algorithm) {
    return is_one_of(kCertificateKeys, algorithm) || is_one_of(kHandshakeKeys, algorithm);
}

bool is_wanted_decoder(const OSSL_ALGORITHM& algorithm) {
    const std::string_view properties = algorithm.property_definition;
    return is_one_of(kCertificateKeys, algorithm) && properties.find("input=der") != properties.npos &&
           properties.find("structure=SubjectPublicKeyInfo") != properties.npos;
}

std::vector<OSSL_ALGORITHM> chosen(const OSSL_ALGORITHM* all, bool (*is_wanted)(const OSSL_ALGORITHM&)) {
    std::vector<OSSL_ALGORITHM> some;
    for (; all != nullptr && all->algorithm_names != nullptr; ++all) {
        if (is_wanted(*all)) some.push_back(*all);
    }
    some.push_back(OSSL_ALGORITHM{});
    return some;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
    *no_cache = 0;
    switch (operation) {
        case OSSL_OP_DECODER:
            return lender().decoders.data();
        case OSSL_OP_KEYMGMT:
            return lender().keys.data();
        case OSSL_OP_ENCODER:
        case OSSL_OP_STORE:
            return nullptr;
        default:
            return OSSL_PROVIDER_query_operation(lender().provider, operation, no_cache);
    }
}

int capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) {
    return OSSL_PROVIDER_get_capabilities(lender().provider, capability, callback, argument);
}

/// OSSL_provider_init_fn of the provider that lends.
int start(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** functions, void** context) {
    static const OSSL_DISPATCH table[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(&query)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(&capabilities)},
        {0, nullptr},
    };
    *functions = table;
    *context = OSSL_PROVIDER_get0_provider_ctx(lender().provider);
    return *context != nullptr ? 1 : 0;
}

OSSL_LIB_CTX* make() {
    Lender& from = lender();
    from.context = OSSL_LIB_CTX_new();
    if (from.context == nullptr) return nullptr;
    from.provider = OSSL_PROVIDER_load(from.context, "default");
    if (from.provider == nullptr) return nullptr;
    int no_cache = 0;
    from.decoders =
        chosen(OSSL_PROVIDER_query_operation(from.provider, OSSL_OP_DECODER, &no_cache), &is_wanted_decoder);
    from.keys =
        chosen(OSSL_PROVIDER_query_operation(from.provider, OSSL_OP_KEYMGMT, &no_cache), &is_wanted_key);
    OSSL_LIB_CTX* const made = OSSL_LIB_CTX_new();
    if (made == nullptr) return nullptr;
    // A context with a provider of its own does not load the default one by itself.
    const bool is_loaded = OSSL_PROVIDER_add_builtin(made, "postern-tls", &start) == 1 &&
                           OSSL_PROVIDER_load(made, "postern-tls") != nullptr;
    if (is_loaded) return made;
    OSSL_LIB_CTX_free(made);
    return nullptr;
}

}  // namespace

OSSL_LIB_CTX* tls_algorithms() noexcept {
    static OSSL_LIB_CTX* const context = make();
    return context;
}

}  // namespace postern::net
