// postern://connect/orders-db: a link that a web page or a chat message may hand to the tray. A link only
// asks, and a person confirms. Every other form is refused, so that nothing else can be smuggled in.
#pragma once

#include <QString>
#include <optional>

namespace postern::tray {

/// Returns the service that the link asks for: 1 to 63 letters, digits, '.', '_', '-', with no dot and no
/// hyphen in front. Returns nothing for any other link.
std::optional<QString> service_from_link(const QString& link);

}  // namespace postern::tray
