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

Result<void> CurrentCrl::check_time(const pki::Crl& offered, Moment now) const {
    if (pki::is_too_early(offered.this_update() - kClockSlack, now.wall)) {
        return of_another_time(Code::not_yet_valid, offered, now.wall);
    }
    const bool has_better = current_ != nullptr && !is_over(*current_, now);
    if (has_better && pki::is_over(offered.next_update(), now.wall)) {
        return of_another_time(Code::crl_stale, offered, now.wall);
    }
    return {};
}

void CurrentCrl::add_revocations(const pki::Crl& newer) {
    if (newer.number() <= current_->crl.number()) {
        return;
    }
    pki::Crl both = current_->crl.also_revoking(newer);
    if (both.size() == current_->crl.size()) {
        return;
    }
    auto changed = std::make_shared<Revocations>(*current_);
    changed->crl = std::move(both);
    current_ = std::move(changed);
}

Result<RevocationsPtr> CurrentCrl::offer(std::string_view der, const pki::TrustBundle& user_ca, Moment now) {
    auto verified = verify(der, user_ca);
    if (!verified) {
        return verified.error();
    }
    const pki::Crl& offered = verified->crl;
    std::string fingerprint = verified->issuer.fingerprint();
    const bool is_of_same_key = current_ != nullptr && issuer_fingerprint_ == fingerprint;
    if (auto timely = check_time(offered, now); !timely) {
        if (is_of_same_key) {
            add_revocations(offered);
        }
        return timely.error();
    }
    if (is_of_same_key) {
        const pki::Crl& known = current_->crl;
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
    const EvenTime trusted_until = now.even + (offered.next_update() - offered.this_update());
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
