#include "desktop-tray/connect_link.hpp"

namespace postern::tray {

std::optional<QString> service_from_link(const QString& link) {
    constexpr QLatin1String kPrefix("postern://connect/");
    constexpr qsizetype kLongestName = 63;
    if (link.size() > kPrefix.size() + kLongestName + 1 || !link.startsWith(kPrefix, Qt::CaseInsensitive)) {
        return std::nullopt;
    }
    QString name = link.mid(kPrefix.size());
    if (name.endsWith(QLatin1Char('/'))) {
        name.chop(1);  // Some browsers add it.
    }
    if (name.isEmpty() || name.size() > kLongestName || name.startsWith(QLatin1Char('.')) ||
        name.startsWith(QLatin1Char('-'))) {
        return std::nullopt;
    }
    for (const QChar character : name) {
        const char16_t unit = character.unicode();
        const bool is_plain = (unit >= u'a' && unit <= u'z') || (unit >= u'A' && unit <= u'Z') ||
                              (unit >= u'0' && unit <= u'9') || unit == u'.' || unit == u'_' || unit == u'-';
        if (!is_plain) {
            return std::nullopt;
        }
    }
    return name;
}

}  // namespace postern::tray
