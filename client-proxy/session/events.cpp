#include "client-proxy/session/events.hpp"

namespace postern::client {

std::string_view name(EventKind kind) noexcept {
    switch (kind) {
        case EventKind::connected:
            return "connected";
        case EventKind::disconnected:
            return "disconnected";
        case EventKind::accepted:
            return "accepted";
        case EventKind::closed:
            return "closed";
        case EventKind::refused:
            return "refused";
        case EventKind::cut:
            return "cut";
        case EventKind::login:
            return "login";
        case EventKind::logout:
            return "logout";
        case EventKind::renewed:
            return "renewed";
        case EventKind::renewal_failed:
            return "renewal_failed";
        case EventKind::gateway_lost:
            return "gateway_lost";
        case EventKind::gateway_back:
            return "gateway_back";
        case EventKind::remark:
            return "remark";
    }
    return "remark";
}

}  // namespace postern::client
