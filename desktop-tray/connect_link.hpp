// postern://connect/orders-db: what a web page or a chat message may hand to the tray. A link only asks: a
// person confirms. Anything but the one known form is refused, so that nothing else can be smuggled in.
#pragma once

#include <QString>
#include <optional>

namespace postern::tray {

/// The service that the link asks for: 1 to 63 letters, digits, '.', '_', '-', no dot in front. Nothing if it
/// is any other link.
std::optional<QString> service_from_link(const QString& link);

}  // namespace postern::tray
