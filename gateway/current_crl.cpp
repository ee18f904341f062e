#include "gateway/current_crl.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pki/validity.hpp"

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

Failure of_another_time(Code code, const pki::Crl& crl, SystemTime now) {
    return Failure{code,
                   fmt::format("CRL number {} is of {} to {}, and it is {} by this machine's clock: check it "
                               "and the CA's",
                               crl.number(), format_time(crl.this_update()), format_time(crl.next_update()),
                               format_time(now))};
}

bool is_over(const Revocations& revocations, Moment now) {
    return pki::is_over(revocations.crl.next_update(), now.wall) || now.even >= revocations.trusted_until;
}

}  // namespace

Result<RevocationsPtr> CurrentCrl::offer(std::string_view der, const pki::TrustBundle& user_ca, Moment now) {
    auto verified = verify(der, user_ca);
    if (!verified) {
        return verified.error();
    }
    const pki::Crl& list = verified->crl;
    if (pki::is_too_early(list.this_update() - kClockSlack, now.wall)) {
        return of_another_time(Code::not_yet_valid, list, now.wall);
    }
    const bool has_better = current_ != nullptr && !is_over(*current_, now);
    if (has_better && pki::is_over(list.next_update(), now.wall)) {
        return of_another_time(Code::crl_stale, list, now.wall);
    }
    std::string fingerprint = verified->issuer.fingerprint();
    if (current_ != nullptr && issuer_fingerprint_ == fingerprint) {
        const pki::Crl& known = current_->crl;
        const pki::Crl& offered = list;
        // The same again is no other receipt.
        if (offered.number() == known.number() && offered.next_update() == known.next_update()) {
            return current_;
        }
        const bool is_older =
            offered.number() < known.number() ||
            (offered.number() == known.number() && offered.next_update() < known.next_update());
        if (is_older) {
            return Failure{Code::crl_stale, fmt::format("CRL number {} was offered, number {} is at hand",
                                                        offered.number(), known.number())};
        }
    }
    const EvenTime trusted_until = now.even + (list.next_update() - list.this_update());
    current_ =
        std::make_shared<const Revocations>(Revocations{std::move(verified->crl), verified->issuer.subject(),
                                                        verified->issuer.subject_key_id(), trusted_until});
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
