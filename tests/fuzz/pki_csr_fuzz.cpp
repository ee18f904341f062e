// A certificate request as it comes with a login: PEM, or the DER inside one (the fuzzer would seldom get
// base64 right).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <openssl/err.h>

#include "pki/csr.hpp"
#include "pki/digest.hpp"

using namespace postern;
using namespace postern::pki;

namespace {

void try_request(std::string_view pem) {
    const Result<PublicKey> key = public_key_from_csr(pem);
    if (key && key->fingerprint().size() != 64) {
        std::abort();
    }
    if (!key && key.error().code != Code::malformed_request) {
        std::abort();
    }
    if (ERR_peek_error() != 0) {
        std::abort();
    }
}

std::string wrapped(std::string_view der) {
    const std::string digits = base64(der);
    std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
    for (std::size_t i = 0; i < digits.size(); i += 64) {
        pem += digits.substr(i, 64) + "\n";
    }
    return pem + "-----END CERTIFICATE REQUEST-----\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.starts_with("-----")) {
        try_request(bytes);
    } else {
        try_request(wrapped(bytes));
    }
    return 0;
}
