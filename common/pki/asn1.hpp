// The ASN.1 values that certificates, requests and CRLs share: serials, times, names and Postern's own OID.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;
using Asn1TypePtr = std::unique_ptr<ASN1_TYPE, Freer<ASN1_TYPE_free>>;

/// Wraps the DER of a SEQUENCE, which OpenSSL can then sign or verify byte for byte as it is. Null when it
/// cannot be parsed.
Asn1TypePtr any_sequence(std::string_view der);

/// Formats a serial as lower-case hex with an even number of digits. A negative serial, which no CA may
/// issue, begins with "-".
std::string serial_text(const ASN1_INTEGER* serial);
/// Parses a serial. Fails with Code::malformed_request for anything but 2 to 40 hexadecimal digits (RFC 5280,
/// section 4.1.2.2).
Result<Asn1IntegerPtr> serial_from_text(std::string_view text);

/// Converts a time; empty when it is not a valid UTCTime or GeneralizedTime.
std::optional<SystemTime> time_from_asn1(const ASN1_TIME* time);
/// Converts a time, rounded down to seconds: UTCTime until 2049 and GeneralizedTime after (RFC 5280, section
/// 4.1.2.5). Null when the year does not have four digits.
Asn1TimePtr time_to_asn1(SystemTime time);

/// Formats a name as RFC 4514 text in UTF-8.
std::string name_text(const X509_NAME* name);
/// The values of all attributes of type `nid`, in UTF-8. A value that cannot be converted, or contains a NUL,
/// is empty.
std::vector<std::string> name_values(const X509_NAME* name, int nid);

/// The OID of Postern's own non-critical extension: the login session as a UTF8String. An OID 2.25.<UUID>
/// needs no registration (ITU-T X.667).
inline constexpr const char* kSessionOid = "2.25.156277466420437934911946389227416826103";
/// kSessionOid as an object, which is created once and never freed. Thread-safe.
const ASN1_OBJECT* session_oid();
/// Whether the text is a session id: 1 to 64 letters, digits, dots, dashes and underscores.
bool is_session_id(std::string_view text) noexcept;

/// Whether the signature algorithm of a certificate or CRL uses a secure digest: SHA-256 or stronger, or that
/// of Ed25519 or Ed448.
bool is_strong_signature(int signature_nid) noexcept;

}  // namespace postern::pki
