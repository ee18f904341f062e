#include "audit/record.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace postern::audit {

namespace {

using Json = nlohmann::ordered_json;

/// How much of what others wrote a line may hold. The next smaller one is tried until the line fits.
struct Bounds {
    std::size_t string_bytes;
    std::size_t array_items;
    std::size_t depth;
};
constexpr std::array<Bounds, 3> kBounds{{{1024, 64, 8}, {256, 32, 6}, {96, 8, 3}}};
constexpr std::size_t kLongestLine = 16384;

/// At most `limit` bytes, cut between two UTF-8 characters, with what is gone told.
std::string cut(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return std::string(text);
    }
    std::size_t kept = limit;
    while (kept > 0 && kept > limit - 4 && (static_cast<unsigned char>(text[kept]) & 0xc0U) == 0x80U) {
        --kept;
    }
    return fmt::format("{}...(+{} bytes)", text.substr(0, kept), text.size() - kept);
}

/// A copy of foreign JSON within the bounds.
Json bounded(const nlohmann::json& value, const Bounds& bounds, std::size_t depth) {
    if (value.is_string()) {
        return cut(value.get_ref<const std::string&>(), bounds.string_bytes);
    }
    if (value.is_primitive()) {
        return value.is_binary() ? Json("(binary)") : Json(value);
    }
    if (depth == 0) {
        return "...(cut)";
    }
    Json copy = value.is_array() ? Json::array() : Json::object();
    std::size_t left = bounds.array_items;
    for (auto item = value.begin(); item != value.end(); ++item) {
        if (left-- == 0) {
            if (value.is_array()) {
                copy.push_back("...(cut)");
            } else {
                copy["...(cut)"] = true;
            }
            break;
        }
        if (value.is_array()) {
            copy.push_back(bounded(*item, bounds, depth - 1));
        } else {
            copy[cut(item.key(), bounds.string_bytes)] = bounded(*item, bounds, depth - 1);
        }
    }
    return copy;
}

/// Adds what `target` does not have yet; objects are merged, what is there stays.
void merge_absent(Json& target, const Json& source) {
    for (auto item = source.begin(); item != source.end(); ++item) {
        const auto found = target.find(item.key());
        if (found == target.end()) {
            target[item.key()] = item.value();
        } else if (found->is_object() && item->is_object()) {
            merge_absent(*found, *item);
        }
    }
}

/// ECS event.category and event.type, which have closed lists of values; left out where none fits.
struct Classes {
    std::vector<std::string_view> categories;
    std::vector<std::string_view> types;
};

Classes classes_of(std::string_view action) {
    if (action == "connection.accepted") return {{"network"}, {"connection", "start", "allowed"}};
    if (action == "connection.rejected") return {{"network"}, {"connection", "denied"}};
    if (action == "connection.closed") return {{"network"}, {"connection", "end"}};
    if (action.starts_with("login.")) return {{"authentication"}, {"start"}};
    if (action == "session.ended") return {{"authentication", "session"}, {"end"}};
    if (action == "certificate.issued") return {{"iam"}, {"creation"}};
    if (action == "certificate.revoked") return {{"iam"}, {"deletion"}};
    if (action.starts_with("certificate.")) return {{"iam"}, {"change"}};
    if (action.starts_with("admin.")) return {{"iam"}, {"admin", "change"}};
    if (action.starts_with("config.")) return {{"configuration"}, {"change"}};
    return {{}, {"info"}};
}

/// An action is a word of ours; whatever else is in it must not reach the line's head unescaped.
std::string action_word(std::string_view action) {
    std::string word(action.substr(0, 64));
    for (char& c : word) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '.' || c == '_' || c == '-';
        c = is_plain ? c : '_';
    }
    return word;
}

class Builder {
public:
    explicit Builder(const Bounds& bounds) : bounds_(bounds) {}

    Json build(const Record& record, SystemTime time, std::uint64_t sequence, std::string_view previous_hash,
               std::string_view host_name, std::string_view program) {
        // chain.cpp reads the head of the line up to `previous` without parsing JSON: this order is part of
        // the format.
        root_["@timestamp"] = format_time(time);
        add_event(record, sequence, program);
        add_postern(record, previous_hash);
        put("message", record.message);
        add_peer(record);
        add_certificate(record);
        put("service.name", record.service);
        put("host.name", host_name);
        root_["ecs"]["version"] = "8.11.0";
        if (record.extra.is_object()) {
            merge_absent(root_, bounded(record.extra, bounds_, bounds_.depth));
        }
        return std::move(root_);
    }

private:
    /// `path` is a field's name with dots; an empty text is left out.
    void put(std::string_view path, std::string_view text) {
        if (!text.empty()) {
            at(path) = cut(text, bounds_.string_bytes);
        }
    }
    template <class Number>
    void put_number(std::string_view path, Number number, bool is_present) {
        if (is_present) {
            at(path) = number;
        }
    }
    Json& at(std::string_view path) {
        Json* node = &root_;
        while (true) {
            const std::size_t dot = path.find('.');
            node = &(*node)[std::string(path.substr(0, dot))];
            if (dot == std::string_view::npos) {
                return *node;
            }
            path.remove_prefix(dot + 1);
        }
    }

    void add_event(const Record& record, std::uint64_t sequence, std::string_view program) {
        Json& event = root_["event"];
        event["sequence"] = sequence;
        event["action"] = action_word(record.action);
        event["outcome"] = record.is_success ? "success" : "failure";
        if (record.reason) {
            event["reason"] = name(*record.reason);
        }
        event["kind"] = "event";
        const Classes classes = classes_of(record.action);
        if (!classes.categories.empty()) {
            event["category"] = classes.categories;
        }
        event["type"] = classes.types;
        if (record.duration) {
            event["duration"] = record.duration->count();
        }
        put("event.provider", program);
    }

    void add_postern(const Record& record, std::string_view previous_hash) {
        root_["postern"]["audit"]["previous"] = previous_hash;
        if (record.stage) {
            put("postern.stage", name(*record.stage));
        }
        put("postern.connection.id", record.connection_id);
        put("postern.session.id", record.session_id);
        put_number("postern.backend.local_port", record.backend_local_port, record.backend_local_port != 0);
        put("postern.closed_by", record.closed_by);
        put("postern.claimed.user", record.claimed_user);
        if (record.claims.is_object()) {
            merge_absent(at("postern.claimed"), bounded(record.claims, bounds_, bounds_.depth));
        }
    }

    void add_peer(const Record& record) {
        put("user.name", record.user);
        if (!record.groups.empty()) {
            Json& names = at("user.group.name");
            names = Json::array();
            for (const std::string& group : record.groups) {
                if (names.size() == bounds_.array_items) {
                    names.push_back("...(cut)");
                    break;
                }
                names.push_back(cut(group, bounds_.string_bytes));
            }
        }
        put("source.ip", record.source_ip);
        put_number("source.port", record.source_port, record.source_port != 0);
        put_number("source.bytes", record.bytes_from_client.value_or(0),
                   record.bytes_from_client.has_value());
        put("destination.address", record.destination_address);
        put("destination.ip", record.destination_ip);
        put_number("destination.port", record.destination_port, record.destination_port != 0);
        put_number("destination.bytes", record.bytes_from_backend.value_or(0),
                   record.bytes_from_backend.has_value());
    }

    void add_certificate(const Record& record) {
        put("tls.client.x509.serial_number", record.certificate_serial);
        put("tls.client.x509.subject.distinguished_name", record.certificate_subject);
        put("tls.client.x509.issuer.distinguished_name", record.certificate_issuer);
        if (record.certificate_not_after) {
            put("tls.client.x509.not_after", format_time(*record.certificate_not_after));
        }
        put("tls.client.hash.sha256", record.certificate_sha256);
    }

    const Bounds& bounds_;
    Json root_ = Json::object();
};

/// ASCII alone: what a peer wrote cannot play tricks on a terminal (bidirectional text, C1 controls) or a log
/// shipper.
std::string dump(const Json& json) {
    std::string line = json.dump(-1, ' ', true, Json::error_handler_t::replace);
    std::replace(line.begin(), line.end(), '\x7f', '?');
    return line;
}

}  // namespace

std::string_view name(Stage stage) noexcept {
    switch (stage) {
        case Stage::tls:
            return "tls";
        case Stage::certificate:
            return "certificate";
        case Stage::request:
            return "request";
        case Stage::policy:
            return "policy";
        case Stage::limit:
            return "limit";
        case Stage::backend:
            return "backend";
        case Stage::session:
            return "session";
    }
    return "session";
}

std::string format_line(const Record& record, SystemTime time, std::uint64_t sequence,
                        std::string_view previous_hash, std::string_view host_name,
                        std::string_view program) {
    for (const Bounds& bounds : kBounds) {
        std::string line =
            dump(Builder(bounds).build(record, time, sequence, previous_hash, host_name, program));
        if (line.size() < kLongestLine) {
            return line;
        }
    }
    Record bare = record;
    bare.claims = nullptr;
    bare.extra = {{"postern", {{"cut", "claims and extra fields"}}}};
    return dump(Builder(kBounds.back()).build(bare, time, sequence, previous_hash, host_name, program));
}

}  // namespace postern::audit
