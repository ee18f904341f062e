#include "gateway/policy/current_crl.hpp"

#include <algorithm>
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

/// The failure of a CRL whose times do not fit this machine's clock.
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
        return of_another_time(Code::expired, offered, now.wall);
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

RevocationsPtr CurrentCrl::take(pki::Crl list, Moment now) {
    const EvenTime trusted_until = now.even + (list.next_update() - list.this_update());
    current_ = std::make_shared<const Revocations>(
        Revocations{std::move(list), issuer_->subject(), issuer_->subject_key_id(), trusted_until});
    return current_;
}

Result<RevocationsPtr> CurrentCrl::offer(std::string_view der, const pki::TrustBundle& user_ca, Moment now) {
    auto verified = verify(der, user_ca);
    if (!verified) {
        return verified.error();
    }
    const pki::Crl& offered = verified->crl;
    const bool is_of_same_key =
        current_ != nullptr && issuer_->fingerprint() == verified->issuer.fingerprint();
    if (auto timely = check_time(offered, now); !timely) {
        if (is_of_same_key) {
            add_revocations(offered);
        }
        return timely.error();
    }
    if (is_of_same_key) {
        const pki::Crl& known = current_->crl;
        // Receiving the same list again does not extend its lifetime.
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
    issuer_ = verified->issuer;
    return take(std::move(verified->crl), now);
}

Result<RevocationsPtr> CurrentCrl::offer_changes(std::string_view deltas, Moment now) {
    if (current_ == nullptr) {
        return Failure{Code::crl_stale, "there is no list that the changes belong to"};
    }
    const auto parts = pki::split_deltas(deltas);
    if (!parts) {
        return parts.error();
    }
    pki::Crl changed = current_->crl;
    for (const std::string_view part : *parts) {
        const auto delta = pki::CrlDelta::verify(part, *issuer_);
        if (!delta) {
            return delta.error();
        }
        auto next = changed.with(*delta);
        if (!next) {
            return next.error();
        }
        changed = std::move(*next);
    }
    if (changed.number() == current_->crl.number()) {
        return current_;
    }
    if (auto timely = check_time(changed, now); !timely) {
        add_revocations(changed);
        return timely.error();
    }
    return take(std::move(changed), now);
}

void CurrentCrl::verify_again(const pki::TrustBundle& user_ca) {
    // The bundle is searched for the key that signed the list, so that the list itself need not be kept.
    const bool is_known = current_ != nullptr &&
                          std::ranges::any_of(user_ca.certificates(), [&](const pki::Certificate& candidate) {
                              return pki::signs_crls_as(candidate, *issuer_);
                          });
    if (!is_known) {
        current_ = nullptr;
        issuer_.reset();
    }
}

}  // namespace postern::gateway
