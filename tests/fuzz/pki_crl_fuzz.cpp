// A CRL as a gateway fetches it. What parses is also signed anew by the authority that the gateway trusts, so
// that the fuzzer gets past the signature to the entries and extensions.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <openssl/err.h>

#include "pki/crl.hpp"
#include "pki/issuer.hpp"

using namespace postern;
using namespace postern::pki;

namespace {

const KeyAndCertificate& authority() {
    static const KeyAndCertificate made =
        make_root({"Fuzz", "", std::chrono::hours(24)}, parse_time("2026-11-22T12:00:00Z").value()).value();
    return made;
}

std::string signed_anew(std::string_view der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    std::string bytes;
    if (crl &&
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(authority().certificate.get())) == 1 &&
        X509_CRL_sign(crl.get(), authority().key.get(), EVP_sha256()) > 0) {
        unsigned char* encoded = nullptr;
        const int length = i2d_X509_CRL(crl.get(), &encoded);
        if (length > 0) {
            bytes.assign(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(length));
        }
        OPENSSL_free(encoded);
    }
    ERR_clear_error();
    return bytes;
}

bool try_crl(std::string_view bytes) {
    const Result<Crl> crl = Crl::verify(bytes, authority().certificate);
    if (ERR_peek_error() != 0) {
        std::abort();
    }
    if (crl) {
        crl->find("01");
    }
    const auto parts = split_deltas(bytes);
    for (const std::string_view part : parts ? *parts : std::vector<std::string_view>()) {
        const Result<CrlDelta> delta = CrlDelta::verify(part, authority().certificate);
        if (ERR_peek_error() != 0) {
            std::abort();
        }
        if (delta && crl) {
            [[maybe_unused]] const auto both = crl->with(*delta);
        }
    }
    return crl.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    // The key was made in this process: no input can bear its signature.
    if (try_crl(bytes)) {
        std::abort();
    }
    const std::string again = signed_anew(bytes);
    if (!again.empty()) {
        try_crl(again);
    }
    return 0;
}
