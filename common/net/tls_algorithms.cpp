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

/// The key types of certificates.
constexpr std::array<std::string_view, 5> kCertificateKeys = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};
/// The other algorithms of TLS 1.2 and 1.3; the last line is the random number generator.
constexpr auto kHandshakeAlgorithms = std::to_array<std::string_view>({
    "X25519",   "ECDH",     "ECDSA",       "HKDF",        "TLS13-KDF",
    "TLS1-PRF", "HMAC",     "SHA1",        "SHA2-224",    "SHA2-256",
    "SHA2-384", "SHA2-512", "AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305",
    "CTR-DRBG", "SEED-SRC", "AES-256-CTR", "AES-256-ECB",
});

using Algorithms = std::vector<OSSL_ALGORITHM>;

/// The default provider in a library context of its own, whose algorithms the other contexts use.
struct Lender {
    OSSL_LIB_CTX* context = nullptr;
    OSSL_PROVIDER* provider = nullptr;
    Algorithms decoders;
    Algorithms keys;
    /// Indexed by operation. The operations from OSSL_OP_ENCODER on encode and decode keys.
    std::array<Algorithms, OSSL_OP_ENCODER> handshake;
};

Lender& lender() {
    static Lender only;
    return only;
}

/// Whether the algorithm has one of the wanted names. "EC:id-ecPublicKey:1.2.840.10045.2.1" is one algorithm
/// with three names, of which the first is compared.
bool is_one_of(std::span<const std::string_view> wanted, const OSSL_ALGORITHM& algorithm) {
    const std::string_view names = algorithm.algorithm_names;
    const std::string_view first = names.substr(0, names.find(':'));
    return std::find(wanted.begin(), wanted.end(), first) != wanted.end();
}

bool is_certificate_key(const OSSL_ALGORITHM& algorithm) {
    return is_one_of(kCertificateKeys, algorithm);
}

bool is_wanted_decoder(const OSSL_ALGORITHM& algorithm) {
    const std::string_view properties = algorithm.property_definition;
    return is_certificate_key(algorithm) && properties.find("input=der") != properties.npos &&
           properties.find("structure=SubjectPublicKeyInfo") != properties.npos;
}

bool is_wanted_in_handshake(const OSSL_ALGORITHM& algorithm) {
    return is_one_of(kHandshakeAlgorithms, algorithm) || is_certificate_key(algorithm);
}

/// The default provider's algorithms for `operation` that `is_wanted` accepts, with the terminating empty
/// entry.
Algorithms chosen(int operation, bool (*is_wanted)(const OSSL_ALGORITHM&)) {
    Algorithms some;
    int no_cache = 0;
    const OSSL_ALGORITHM* all = OSSL_PROVIDER_query_operation(lender().provider, operation, &no_cache);
    for (; all != nullptr && all->algorithm_names != nullptr; ++all) {
        if (is_wanted(*all)) {
            some.push_back(*all);
        }
    }
    some.push_back(OSSL_ALGORITHM{});
    return some;
}

/// The OSSL_FUNC_provider_query_operation_fn of certificate_algorithms().
const OSSL_ALGORITHM* query_for_certificates(void*, int operation, int* no_cache) {
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

/// The OSSL_FUNC_provider_query_operation_fn of handshake_algorithms().
const OSSL_ALGORITHM* query_for_handshakes(void*, int operation, int* no_cache) {
    *no_cache = 0;
    const auto& known = lender().handshake;
    const auto index = static_cast<std::size_t>(operation);
    return index < known.size() ? known[index].data() : nullptr;
}

/// The OSSL_FUNC_provider_get_capabilities_fn of both.
int capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) {
    return OSSL_PROVIDER_get_capabilities(lender().provider, capability, callback, argument);
}

/// The OSSL_provider_init_fn of a provider that passes on the default provider's algorithms.
template <auto Query>
int start(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** functions, void** context) {
    static const OSSL_DISPATCH table[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(Query)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(&capabilities)},
        {0, nullptr},
    };
    *functions = table;
    *context = OSSL_PROVIDER_get0_provider_ctx(lender().provider);
    return *context != nullptr ? 1 : 0;
}

/// Loads the default provider at the first call. Whether that succeeded.
bool is_lending() {
    static const bool is_ready = [] {
        Lender& from = lender();
        from.context = OSSL_LIB_CTX_new();
        if (from.context == nullptr) {
            return false;
        }
        from.provider = OSSL_PROVIDER_load(from.context, "default");
        if (from.provider == nullptr) {
            return false;
        }
        from.decoders = chosen(OSSL_OP_DECODER, &is_wanted_decoder);
        from.keys = chosen(OSSL_OP_KEYMGMT, &is_certificate_key);
        for (std::size_t operation = 0; operation < from.handshake.size(); ++operation) {
            from.handshake[operation] = chosen(static_cast<int>(operation), &is_wanted_in_handshake);
        }
        return true;
    }();
    return is_ready;
}

/// Creates a library context with one provider; null when that fails.
OSSL_LIB_CTX* make(OSSL_provider_init_fn* start_provider) {
    OSSL_LIB_CTX* const made = is_lending() ? OSSL_LIB_CTX_new() : nullptr;
    if (made == nullptr) {
        return nullptr;
    }
    // A context with a provider of its own does not load the default provider automatically.
    const bool is_loaded = OSSL_PROVIDER_add_builtin(made, "postern-tls", start_provider) == 1 &&
                           OSSL_PROVIDER_load(made, "postern-tls") != nullptr;
    if (is_loaded) {
        return made;
    }
    OSSL_LIB_CTX_free(made);
    return nullptr;
}

}  // namespace

OSSL_LIB_CTX* handshake_algorithms() noexcept {
    static OSSL_LIB_CTX* const context = make(&start<&query_for_handshakes>);
    return context;
}

OSSL_LIB_CTX* certificate_algorithms() noexcept {
    static OSSL_LIB_CTX* const context = make(&start<&query_for_certificates>);
    return context;
}

}  // namespace postern::net
