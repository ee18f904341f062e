#include "pki/asn1.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include <openssl/objects.h>

#include "base/hex.hpp"

namespace postern::pki {

Asn1TypePtr any_sequence(std::string_view der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    return Asn1TypePtr(d2i_ASN1_TYPE(nullptr, &at, static_cast<long>(der.size())));
}

std::string serial_text(const ASN1_INTEGER* serial) {
    // OpenSSL stores the magnitude without leading zeros, and the sign in the type.
    const unsigned char* bytes = ASN1_STRING_get0_data(serial);
    const int length = ASN1_STRING_length(serial);
    if (length <= 0) {
        return "00";
    }
    std::string text = to_hex({bytes, static_cast<std::size_t>(length)});
    return ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" + text : text;
}

Result<Asn1IntegerPtr> serial_from_text(std::string_view text) {
    const Result<std::vector<unsigned char>> bytes = from_hex(text);
    if (!bytes || bytes->empty() || bytes->size() > 20) {
        return Failure{Code::malformed_request, "a serial number has 2 to 40 hexadecimal digits"};
    }
    const ErrorQueueScope errors;
    const BignumPtr number(BN_bin2bn(bytes->data(), static_cast<int>(bytes->size()), nullptr));
    Asn1IntegerPtr serial(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    if (!serial) {
        return openssl_failure(Code::internal, "serial number");
    }
    return serial;
}

std::optional<SystemTime> time_from_asn1(const ASN1_TIME* time) {
    std::tm broken{};
    const ErrorQueueScope errors;
    if (time == nullptr || ASN1_TIME_to_tm(time, &broken) != 1) {
        return std::nullopt;
    }
    return SystemTime(std::chrono::seconds(timegm(&broken)));
}

Asn1TimePtr time_to_asn1(SystemTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
    return Asn1TimePtr(ASN1_TIME_set(nullptr, static_cast<std::time_t>(seconds)));
}

std::string name_text(const X509_NAME* name) {
    const ErrorQueueScope errors;
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!bio) {
        throw std::bad_alloc();
    }
    // RFC 4514 allows unescaped UTF-8; OpenSSL's RFC 2253 form would escape each byte of it.
    constexpr unsigned long kFlags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    if (X509_NAME_print_ex(bio.get(), name, 0, kFlags) < 0) {
        return {};
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::vector<std::string> name_values(const X509_NAME* name, int nid) {
    const ErrorQueueScope errors;
    std::vector<std::string> values;
    int at = -1;
    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0) {
        unsigned char* utf8 = nullptr;
        const int length =
            ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        std::string& value = values.emplace_back();
        if (length > 0) {
            value.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
        }
        OPENSSL_free(utf8);
        if (value.find('\0') != std::string::npos) {
            value.clear();
        }
    }
    return values;
}

const ASN1_OBJECT* session_oid() {
    static const ASN1_OBJECT* const oid = [] {
        const ASN1_OBJECT* made = OBJ_txt2obj(kSessionOid, 1);
        if (made == nullptr) {
            throw std::runtime_error("OpenSSL does not take the session OID");
        }
        return made;
    }();
    return oid;
}

bool is_session_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
}

bool is_strong_signature(int signature_nid) noexcept {
    if (signature_nid == NID_ED25519 || signature_nid == NID_ED448) {
        return true;
    }
    int digest_nid = NID_undef;
    int key_nid = NID_undef;
    if (OBJ_find_sigid_algs(signature_nid, &digest_nid, &key_nid) != 1) {
        return false;
    }
    switch (digest_nid) {
        case NID_sha256:
        case NID_sha384:
        case NID_sha512:
        case NID_sha3_256:
        case NID_sha3_384:
        case NID_sha3_512:
            return true;
        case NID_undef:
            // RSA-PSS has its digest in the parameters, which verification checks.
            return signature_nid == NID_rsassaPss;
        default:
            return false;
    }
}

}  // namespace postern::pki
