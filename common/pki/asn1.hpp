// The ASN.1 values that certificates, requests and CRLs share: serials, times, names, Postern's own OID.
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

/// A SEQUENCE of anything: OpenSSL signs and verifies it byte by byte as it came. Null when it is none.
Asn1TypePtr any_sequence(std::string_view der);

/// Lower-case hex with an even number of digits; a negative number, which no CA may issue, begins with "-".
std::string serial_text(const ASN1_INTEGER* serial);
/// The opposite. Code::malformed_request for anything but 2 to 40 hexadecimal digits (RFC 5280,
/// section 4.1.2.2).
Result<Asn1IntegerPtr> serial_from_text(std::string_view text);

/// Nothing when the time is not a valid UTCTime or GeneralizedTime.
std::optional<SystemTime> time_from_asn1(const ASN1_TIME* time);
/// Whole seconds, rounded down; UTCTime until 2049 and GeneralizedTime after (RFC 5280, section 4.1.2.5).
/// Null when the year has not four digits.
Asn1TimePtr time_to_asn1(SystemTime time);

/// RFC 4514 text of a name, in UTF-8.
std::string name_text(const X509_NAME* name);
/// The values of every attribute of that kind, in UTF-8; one that cannot be converted, or holds a NUL, is
/// empty.
std::vector<std::string> name_values(const X509_NAME* name, int nid);

/// Postern's own non-critical extension: the login session as a UTF8String. 2.25.<UUID> needs no registration
/// (ITU-T X.667).
inline constexpr const char* kSessionOid = "2.25.156277466420437934911946389227416826103";
/// The same, made once for the process.
const ASN1_OBJECT* session_oid();
/// A session id: 1 to 64 letters, digits, dots, dashes and underscores.
bool is_session_id(std::string_view text) noexcept;

/// Whether the algorithm that signed a certificate or CRL rests on a digest that still stands: nothing older
/// than SHA-2.
bool is_strong_signature(int signature_nid) noexcept;

}  // namespace postern::pki
