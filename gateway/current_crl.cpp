#include "gateway/current_crl.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace postern::gateway {

namespace {

struct Verified {
    pki::Crl crl;
    pki::Certificate issuer;
};

Result<Verified> verify(std::string_view der, const pki::TrustBundle& user_ca) {
    Failure last{Code::unknown_issuer, "the user CA bundle holds no CA"};
    for (const pki::Certificate& candidate : user_ca.certificates()) {
        if (!candidate.is_ca()) {
            continue;
        }
        auto crl = pki::Crl::verify(der, candidate);
        if (crl) {
            return Verified{std::move(*crl), candidate};
        }
        last = crl.error();
    }
    return with_context("no CA of the user CA bundle signed this CRL", std::move(last));
}

}  // namespace

Result<RevocationsPtr> CurrentCrl::offer(std::string_view der, const pki::TrustBundle& user_ca) {
    auto verified = verify(der, user_ca);
    if (!verified) {
        return verified.error();
    }
    std::string fingerprint = verified->issuer.fingerprint();
    if (current_ != nullptr && issuer_fingerprint_ == fingerprint) {
        const pki::Crl& known = current_->crl;
        const pki::Crl& offered = verified->crl;
        const bool is_older =
            offered.number() < known.number() ||
            (offered.number() == known.number() && offered.next_update() < known.next_update());
        if (is_older) {
            return Failure{Code::crl_stale, fmt::format("CRL number {} was offered, number {} is at hand",
                                                        offered.number(), known.number())};
        }
    }
    current_ = std::make_shared<const Revocations>(
        Revocations{std::move(verified->crl), verified->issuer.subject(), verified->issuer.subject_key_id()});
    der_ = der;
    issuer_fingerprint_ = std::move(fingerprint);
    return current_;
}

void CurrentCrl::verify_again(const pki::TrustBundle& user_ca) {
    if (current_ != nullptr && !verify(der_, user_ca)) {
        current_ = nullptr;
        der_.clear();
        issuer_fingerprint_.clear();
    }
}

}  // namespace postern::gateway
