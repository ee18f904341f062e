#include "ca-service/store_cleanup.hpp"

#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/familiar_places.hpp"
#include "ca-service/store/gateway_lists.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/tokens.hpp"

namespace postern::ca {

namespace {

constexpr std::chrono::minutes kTidyEvery{10};
/// How long what has ended can still be looked at.
constexpr std::chrono::hours kRemembered{24 * 30};
/// How much longer the place of a login is remembered: 90 days in all, as long as a key (kKeyKnownFor).
constexpr std::chrono::hours kPlacesRemembered{24 * 60};

}  // namespace

std::optional<StoreCleanup::Job> StoreCleanup::due() {
    // The clock is asked even when nothing is due, so that it sees a jump when it happens.
    const SystemTime before = settled_.now() - kRemembered;
    const auto now = even_();
    if (done_at_ && now - *done_at_ < kTidyEvery) {
        return std::nullopt;
    }
    done_at_ = now;
    return [before](store::Database& database) {
        for (const auto& forgotten :
             {store::forget_certificates(database, before), store::forget_sessions(database, before),
              store::forget_tokens(database, before), store::forget_gateway_lists(database, before),
              store::forget_familiar_places(database, before - kPlacesRemembered)}) {
            if (!forgotten) {
                spdlog::warn("event=store.tidy_failed detail={}", quoted(forgotten.error().detail, 512));
                return;
            }
        }
    };
}

}  // namespace postern::ca
