// A PEM bundle of certificates from a peer, or the DER of one: read, and every name that a decision may rest
// on taken out of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <openssl/err.h>

#include "base/hex.hpp"
#include "pki/certificate.hpp"
#include "pki/digest.hpp"
#include "pki/identity.hpp"
#include "pki/trust_bundle.hpp"

using namespace postern;
using namespace postern::pki;

namespace {

void require(bool claim) {
    if (!claim) {
        std::abort();
    }
}

void read_everything(const Certificate& certificate) {
    const std::string serial = certificate.serial();
    require(serial.starts_with('-') || (serial.size() >= 2 && from_hex(serial).has_value()));
    certificate.subject();
    certificate.issuer();
    require(certificate.common_name().find('\0') == std::string::npos);
    certificate.dns_names();
    certificate.not_before();
    certificate.not_after();
    const Result<LoginIdentity> identity = login_identity(certificate);
    if (identity) {
        require(is_login_name(identity->name) && identity->name == certificate.common_name());
        require(certificate.uris().front() == user_uri(identity->trust_domain, identity->name));
    }
    // PEM that was written is read back as the same certificate.
    const Result<Certificate> again = Certificate::from_pem(certificate.pem());
    require(again.has_value() && again->fingerprint() == certificate.fingerprint());
}

std::string wrapped(std::string_view der) {
    const std::string digits = base64(der);
    std::string pem = "-----BEGIN CERTIFICATE-----\n";
    for (std::size_t i = 0; i < digits.size(); i += 64) {
        pem += digits.substr(i, 64) + "\n";
    }
    return pem + "-----END CERTIFICATE-----\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    // The fuzzer would seldom get base64 right; DER begins with a SEQUENCE.
    const std::string pem = bytes.starts_with('0') ? wrapped(bytes) : std::string(bytes);
    const Result<std::vector<Certificate>> certificates = certificates_from_pem(pem);
    if (certificates) {
        require(!certificates->empty() && certificates->size() <= 64);
        for (const Certificate& certificate : *certificates) {
            read_everything(certificate);
        }
        const Result<TrustBundle> bundle = TrustBundle::from_pem(pem);
        if (bundle) {
            const SystemTime now = certificates->front().not_before();
            static_cast<void>(bundle->verify(certificates->front(),
                                             {certificates->begin() + 1, certificates->end()},
                                             Purpose::client_auth, now));
            static_cast<void>(bundle->issuer_of(certificates->front()));
        }
    }
    require(ERR_peek_error() == 0);
    return 0;
}
