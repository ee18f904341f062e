#include "net/tls_engine.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>

#include "net/address.hpp"

namespace postern::net {

namespace {

constexpr int kReadsPerCall = 8;
/// The size of the read buffer, so that one recv reads several records. It is set once the handshake is
/// complete: an unauthenticated peer must not cost that much memory.
constexpr std::size_t kReadAheadBytes = 64 * 1024;
constexpr unsigned char kHandshakeRecord = 0x16;
constexpr unsigned char kAlertRecord = 0x15;
constexpr unsigned char kRecordMajorVersion = 3;

}  // namespace

std::optional<Code> code_of_tls_reason(int reason) noexcept {
    switch (reason) {
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return Code::expired;
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            return Code::revoked;
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
            return Code::wrong_purpose;
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return Code::unknown_issuer;
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
            return Code::malformed_certificate;
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return Code::no_certificate;
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            return Code::policy_denied;
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_WRONG_SSL_VERSION:
            return Code::tls_version;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return Code::not_tls;
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return Code::end_of_stream;
        default:
            return std::nullopt;
    }
}

const BIO_METHOD* TlsEngine::wire_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postern wire");
        if (made == nullptr || BIO_meth_set_read_ex(made, &TlsEngine::bio_read) != 1 ||
            BIO_meth_set_write_ex(made, &TlsEngine::bio_write) != 1 ||
            BIO_meth_set_ctrl(made, &TlsEngine::bio_control) != 1) {
            throw std::runtime_error("BIO_meth_new failed");
        }
        return made;
    }();
    return method;
}

int TlsEngine::bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
    auto& self = *static_cast<TlsEngine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (self.reads_left_ == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    --self.reads_left_;
    Result<std::optional<std::size_t>> outcome =
        self.wire_.read(Buffer(reinterpret_cast<unsigned char*>(into), size));
    if (!outcome) {
        self.wire_failure_ = outcome.error();
        return 0;
    }
    if (!outcome.value()) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *got = *outcome.value();
    if (*got == 0) {
        self.wire_ended_ = true;
        return 0;
    }
    for (std::size_t i = 0; i < *got && self.first_count_ < sizeof self.first_; ++i) {
        self.first_[self.first_count_++] = static_cast<unsigned char>(into[i]);
    }
    return 1;
}

int TlsEngine::bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* sent) {
    auto& self = *static_cast<TlsEngine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self.has_said_goodbye_) {
        *sent = size;
        return 1;
    }
    *sent = 0;
    Result<std::size_t> outcome =
        self.wire_.write(Bytes(reinterpret_cast<const unsigned char*>(bytes), size), self.more_follows_);
    if (!outcome) {
        self.wire_failure_ = outcome.error();
        return 0;
    }
    if (outcome.value() == 0) {
        BIO_set_retry_write(bio);
        return 0;
    }
    *sent = outcome.value();
    return 1;
}

long TlsEngine::bio_control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return static_cast<TlsEngine*>(BIO_get_data(bio))->wire_ended_ ? 1 : 0;
        default:
            return 0;
    }
}

TlsEngine::TlsEngine(TlsContext context, TlsRole role, const std::string& server_name, Wire& wire)
    : context_(std::move(context)), role_(role), wire_(wire), ssl_(SSL_new(context_.get())) {
    pki::BioPtr bio(BIO_new(wire_method()));
    if (ssl_ == nullptr || bio == nullptr) {
        throw std::runtime_error("SSL_new failed");
    }
    BIO_set_data(bio.get(), this);
    BIO_set_init(bio.get(), 1);
    // One reference suffices for both directions (SSL_set_bio).
    SSL_set_bio(ssl_.get(), bio.get(), bio.get());
    static_cast<void>(bio.release());
    attach_verdict(ssl_.get(), verdict_);
    if (role_ == TlsRole::server) {
        SSL_set_accept_state(ssl_.get());
        return;
    }
    SSL_set_connect_state(ssl_.get());
    if (!server_name.empty() && !is_ip_address(server_name) &&
        SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str()) != 1) {
        throw std::runtime_error("SSL_set_tlsext_host_name failed");
    }
}

void TlsEngine::begin() {
    // Clearing walks the whole queue; peeking does not.
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
    reads_left_ = kReadsPerCall;
    more_follows_ = false;
}

Result<TlsEngine::Step> TlsEngine::handshake() {
    if (failure_) {
        return *failure_;
    }
    begin();
    const int returned = SSL_do_handshake(ssl_.get());
    if (returned != 1) {
        return outcome(returned);
    }
    is_established_ = true;
    SSL_set_default_read_buffer_len(ssl_.get(), kReadAheadBytes);
    return Step{};
}

Result<TlsEngine::Step> TlsEngine::read(Buffer into) {
    if (failure_) {
        return *failure_;
    }
    begin();
    Step step;
    for (;;) {
        std::size_t got = 0;
        const Buffer space = into.subspan(step.bytes);
        const int returned = SSL_read_ex(ssl_.get(), space.data(), space.size(), &got);
        if (returned == 1) {
            step.bytes += got;
            if (step.bytes == into.size() || SSL_has_pending(ssl_.get()) == 0) {
                return step;
            }
            continue;
        }
        Result<Step> ended = outcome(returned);
        // Bytes that precede the end or the failure are returned first; the next call reports that.
        if (step.bytes > 0) {
            return step;
        }
        return ended;
    }
}

Result<TlsEngine::Step> TlsEngine::write(Bytes bytes) {
    if (failure_) {
        return *failure_;
    }
    if (write_failure_) {
        return *write_failure_;
    }
    begin();
    std::size_t sent = 0;
    // One call writes one record (SSL_MODE_ENABLE_PARTIAL_WRITE).
    more_follows_ = bytes.size() > SSL3_RT_MAX_PLAIN_LENGTH;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (returned == 1) {
        return Step{Need::nothing, sent};
    }
    if (wire_failure_) {
        // The peer closed the connection; its last bytes, or the alert that says why, may still be unread.
        write_failure_ = std::exchange(wire_failure_, std::nullopt);
        ERR_clear_error();
        unsigned char byte = 0;
        std::size_t got = 0;
        if (SSL_peek_ex(ssl_.get(), &byte, 1, &got) != 1) {
            const Code told = code_of_queue();
            if (told != Code::tls_failed && told != Code::end_of_stream) {
                return fail(pki::openssl_failure(told, "the peer refused"));
            }
            ERR_clear_error();
        }
        return *write_failure_;
    }
    return outcome(returned);
}

Result<TlsEngine::Step> TlsEngine::shut_down() {
    if (failure_) {
        return *failure_;
    }
    if (write_failure_) {
        return *write_failure_;
    }
    begin();
    const int returned = SSL_shutdown(ssl_.get());
    if (returned < 0) {
        return outcome(returned);
    }
    has_said_goodbye_ = true;
    return Step{};
}

Result<bool> TlsEngine::has_readable() {
    if (failure_ || SSL_pending(ssl_.get()) > 0) {
        return true;
    }
    if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) {
        return true;
    }
    if (SSL_has_pending(ssl_.get()) == 0) {
        return false;
    }
    // Some bytes of a record were read ahead. Only decrypting shows whether the record is complete.
    begin();
    unsigned char byte = 0;
    std::size_t got = 0;
    const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
    if (returned == 1) {
        return true;
    }
    const Result<Step> step = outcome(returned);
    return !step || step.value().need == Need::nothing;
}

Result<TlsEngine::Step> TlsEngine::outcome(int returned) {
    const int error = SSL_get_error(ssl_.get(), returned);
    switch (error) {
        case SSL_ERROR_WANT_READ:
            return Step{Need::readable, 0};
        case SSL_ERROR_WANT_WRITE:
            return Step{Need::writable, 0};
        case SSL_ERROR_ZERO_RETURN:
            return Step{};
        default:
            return fail(explain(error));
    }
}

Failure TlsEngine::fail(Failure failure) {
    ERR_clear_error();
    failure_ = std::move(failure);
    return *failure_;
}

Failure TlsEngine::explain(int ssl_error) {
    if (verdict_.other_server) {
        ERR_clear_error();
        return *verdict_.other_server;
    }
    if (verdict_.error != X509_V_OK) {
        ERR_clear_error();
        return Failure{
            pki::code_of_verify_error(verdict_.error),
            std::string("the peer's certificate: ") + X509_verify_cert_error_string(verdict_.error)};
    }
    if (wire_failure_) {
        return *wire_failure_;
    }
    const bool ended =
        wire_ended_ && (ssl_error == SSL_ERROR_SYSCALL || code_of_queue() == Code::end_of_stream);
    if (!is_established_ && first_count_ > 0) {
        const bool is_record = first_[0] == kHandshakeRecord || first_[0] == kAlertRecord;
        const bool is_tls = is_record && (first_count_ < 2 || first_[1] == kRecordMajorVersion);
        if (!is_tls) {
            return pki::openssl_failure(Code::not_tls, "the peer speaks no TLS");
        }
    }
    if (ended) {
        return Failure{Code::end_of_stream, is_established_ ? "the connection ended without close_notify"
                                                            : "the connection ended in the handshake"};
    }
    const Code code = code_of_queue();
    return pki::openssl_failure(code, is_established_ ? "TLS" : "TLS handshake");
}

Code TlsEngine::code_of_bad_certificate_alert() const {
    // OpenSSL sends bad_certificate also for a certificate that is not valid yet. That is likely when ours
    // was just issued and the clocks differ.
    X509* own = SSL_get_certificate(ssl_.get());
    if (own == nullptr) {
        return Code::malformed_certificate;
    }
    const auto not_before = pki::Certificate::from_x509(own).not_before();
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    return not_before > now - std::chrono::minutes(10) ? Code::not_yet_valid : Code::malformed_certificate;
}

/// The Code of the first meaningful entry of OpenSSL's error queue, which is left as it is.
Code TlsEngine::code_of_queue() const {
    // Only the two ends of the queue can be peeked at; the meaningful entry is one of them.
    for (const unsigned long error : {ERR_peek_error(), ERR_peek_last_error()}) {
        if (error == 0) {
            continue;
        }
        if (ERR_GET_LIB(error) == ERR_LIB_ASN1) {
            return Code::malformed_certificate;
        }
        if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
            continue;
        }
        // A client's alert about the server's certificate says nothing about the client.
        const bool is_alert = ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
        if (is_alert && role_ == TlsRole::server) {
            continue;
        }
        if (ERR_GET_REASON(error) == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE) {
            return code_of_bad_certificate_alert();
        }
        if (const auto code = code_of_tls_reason(ERR_GET_REASON(error))) {
            return *code;
        }
    }
    return Code::tls_failed;
}

TlsPeer TlsEngine::peer() const {
    TlsPeer result;
    result.verify_result = SSL_get_verify_result(ssl_.get());
    const pki::X509Ptr leaf(SSL_get1_peer_certificate(ssl_.get()));
    if (leaf == nullptr) {
        return result;
    }
    pki::Certificate certificate = pki::Certificate::from_x509(leaf.get());
    result.chain.push_back(certificate);
    (verdict_.is_server ? result.server_certificate : result.certificate) = std::move(certificate);
    // On a server OpenSSL's list lacks the client's leaf; on a client it begins with the server's leaf.
    STACK_OF(X509)* const presented = SSL_get_peer_cert_chain(ssl_.get());
    const int first = role_ == TlsRole::server ? 0 : 1;
    for (int i = first; i < sk_X509_num(presented); ++i) {
        result.chain.push_back(pki::Certificate::from_x509(sk_X509_value(presented, i)));
    }
    return result;
}

}  // namespace postern::net
