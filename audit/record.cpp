#include "audit/record.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "audit/json_line.hpp"

namespace postern::audit {

namespace {

using Json = nlohmann::ordered_json;

/// How much foreign content a line may hold. If the line is too long, the next smaller set is tried.
struct Bounds {
    /// The length of a string as it is written, including escapes.
    std::size_t string_bytes;
    std::size_t array_items;
    std::size_t depth;
};
constexpr std::array<Bounds, 3> kBounds{{{1024, 64, 8}, {256, 64, 6}, {96, 8, 3}}};
constexpr std::size_t kLongestLine = 16384;
/// The longest line of a refusal, which is shorter because anybody can cause many of them.
constexpr std::size_t kLongestRefusal = 4096;

/// The length in bytes of the UTF-8 character at the front of a text (1 for a byte that is not UTF-8), and
/// the length in bytes of what is written for it.
struct Written {
    std::size_t taken = 1;
    std::size_t bytes = 1;
};
Written written(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        const bool is_short = first == '"' || first == '\\' || (first >= 0x08 && first <= 0x0d && first != 0x0b);
        return {1, is_short ? 2U : (first < 0x20 ? 6U : 1U)};
    }
    const std::size_t length = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : (first >= 0xc2 ? 2 : 1));
    for (std::size_t i = 1; i < length; ++i) {
        if (i >= text.size() || (byte(i) & 0xc0U) != 0x80U) {
            return {1, 6};
        }
    }
    // A character of four bytes is written as two escapes, one for each surrogate.
    return {length, length == 4 ? 12U : 6U};
}

/// Returns the part of the text that is written in at most `limit` bytes, and says how much was cut.
std::string cut(std::string_view text, std::size_t limit) {
    std::size_t kept = 0;
    for (std::size_t bytes = 0; kept < text.size();) {
        const Written next = written(text.substr(kept));
        bytes += next.bytes;
        if (bytes > limit) {
            return fmt::format("{}...(+{} bytes)", text.substr(0, kept), text.size() - kept);
        }
        kept += next.taken;
    }
    return std::string(text);
}

/// Returns a copy of foreign JSON that is within the bounds.
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

/// ECS event.category and event.type as JSON. Both have closed lists of values; a category is left out where
/// none fits.
struct Classes {
    std::string_view categories;
    std::string_view types;
};

Classes classes_of(std::string_view action) {
    constexpr std::string_view kNetwork = R"(["network"])";
    constexpr std::string_view kIam = R"(["iam"])";
    constexpr std::string_view kChange = R"(["change"])";
    if (action == "connection.accepted") {
        return {kNetwork, R"(["connection","start","allowed"])"};
    }
    if (action == "connection.rejected") {
        return {kNetwork, R"(["connection","denied"])"};
    }
    if (action == "request.refused") {
        return {kNetwork, R"(["denied"])"};
    }
    if (action == "connection.closed") {
        return {kNetwork, R"(["connection","end"])"};
    }
    if (action.starts_with("login.")) {
        return {R"(["authentication"])", R"(["start"])"};
    }
    if (action == "session.ended") {
        return {R"(["authentication","session"])", R"(["end"])"};
    }
    if (action == "certificate.issued") {
        return {kIam, R"(["creation"])"};
    }
    if (action == "certificate.revoked") {
        return {kIam, R"(["deletion"])"};
    }
    if (action.starts_with("certificate.")) {
        return {kIam, kChange};
    }
    if (action.starts_with("admin.")) {
        return {kIam, R"(["admin","change"])"};
    }
    if (action.starts_with("config.")) {
        return {R"(["configuration"])", kChange};
    }
    return {{}, R"(["info"])"};
}

/// Returns the action with every character replaced that must not be in the unescaped head of the line.
std::string action_word(std::string_view action) {
    std::string word(action.substr(0, 64));
    for (char& c : word) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '.' || c == '_' || c == '-';
        c = is_plain ? c : '_';
    }
    return word;
}

/// Builds the line of one record within one set of bounds.
class Line {
public:
    explicit Line(const Record& record, const Bounds& bounds)
        : record_(record),
          bounds_(bounds),
          claims_(claims_of(record, bounds)),
          extra_(extra_of(record, bounds)) {}

    std::string build(SystemTime time, std::uint64_t sequence, std::string_view previous_hash,
                      std::string_view host_name, std::string_view program) {
        // chain.cpp reads the head of the line up to `previous` without parsing JSON, so this order is part
        // of the format.
        line_.text("@timestamp", format_time(time));
        add_event(sequence, program);
        add_postern(previous_hash);
        put("message", record_.message);
        add_peer();
        add_certificate();
        put("service.name", record_.service);
        put("rule.name", record_.rule);
        put("host.name", host_name);
        line_.text("ecs.version", "8.11.0");
        return line_.finish();
    }

private:
    static Json claims_of(const Record& record, const Bounds& bounds) {
        Json claims = Json::object();
        if (record.claims.is_object()) {
            claims["postern"]["claimed"] = bounded(record.claims, bounds, bounds.depth);
        }
        return claims;
    }
    static Json extra_of(const Record& record, const Bounds& bounds) {
        return record.extra.is_object() ? bounded(record.extra, bounds, bounds.depth) : Json::object();
    }

    /// Writes a text; an empty one is left out.
    void put(std::string_view path, std::string_view text) {
        // A byte is written in at most six bytes.
        if (text.size() > bounds_.string_bytes / 6) {
            line_.text(path, cut(text, bounds_.string_bytes));
        } else if (!text.empty()) {
            line_.text(path, text);
        }
    }
    /// Writes a port; one that is not known (0) is left out.
    void put_port(std::string_view path, std::uint16_t port) {
        if (port != 0) {
            line_.number(path, port);
        }
    }
    /// Writes a count; one that was not taken is left out.
    void put_count(std::string_view path, const std::optional<std::uint64_t>& count) {
        if (count) {
            line_.number(path, *count);
        }
    }

    void add_event(std::uint64_t sequence, std::string_view program) {
        line_.number("event.sequence", sequence);
        line_.text("event.action", action_word(record_.action));
        line_.text("event.outcome", record_.is_success ? "success" : "failure");
        if (record_.reason) {
            line_.text("event.reason", name(*record_.reason));
        }
        line_.text("event.kind", "event");
        const Classes classes = classes_of(record_.action);
        if (!classes.categories.empty()) {
            line_.json("event.category", classes.categories);
        }
        line_.json("event.type", classes.types);
        if (record_.duration) {
            line_.number("event.duration",
                         static_cast<std::uint64_t>(std::max<std::int64_t>(record_.duration->count(), 0)));
        }
        put("event.provider", program);
    }

    void add_postern(std::string_view previous_hash) {
        line_.text("postern.audit.previous", previous_hash);
        if (record_.stage) {
            line_.text("postern.stage", name(*record_.stage));
        }
        put("postern.connection.id", record_.connection_id);
        put("postern.session.id", record_.session_id);
        put_port("postern.backend.local_port", record_.backend_local_port);
        put("postern.closed_by", record_.closed_by);
        put("postern.claimed.user", record_.claimed_user);
        if (record_.claims.is_object()) {
            line_.object("postern.claimed");
        }
    }

    void add_peer() {
        put("user.name", record_.user);
        if (!record_.groups.empty()) {
            std::vector<std::string> names;
            for (const std::string& group : record_.groups) {
                if (names.size() == bounds_.array_items) {
                    names.emplace_back("...(cut)");
                    break;
                }
                names.push_back(cut(group, bounds_.string_bytes));
            }
            line_.texts("user.group.name", names);
        }
        put("source.ip", record_.source_ip);
        put_port("source.port", record_.source_port);
        put_count("source.bytes", record_.bytes_from_client);
        put("destination.address", record_.destination_address);
        put("destination.ip", record_.destination_ip);
        put_port("destination.port", record_.destination_port);
        put_count("destination.bytes", record_.bytes_from_backend);
    }

    void add_certificate() {
        put("tls.client.x509.serial_number", record_.certificate_serial);
        put("tls.client.x509.subject.distinguished_name", record_.certificate_subject);
        put("tls.client.x509.issuer.distinguished_name", record_.certificate_issuer);
        if (record_.certificate_not_after) {
            line_.text("tls.client.x509.not_after", format_time(*record_.certificate_not_after));
        }
        put("tls.client.hash.sha256", record_.certificate_sha256);
    }

    const Record& record_;
    const Bounds& bounds_;
    const Json claims_;
    const Json extra_;
    JsonLine line_{{&claims_, &extra_}};
};

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

Record record_of_more(std::size_t count, Stage stage, std::string message) {
    Record record;
    record.action = "connection.rejected";
    record.is_success = false;
    record.reason = Code::limit_reached;
    record.stage = stage;
    record.message = std::move(message);
    record.extra = {{"postern", {{"more", count}}}};
    return record;
}

std::string format_line(const Record& record, SystemTime time, std::uint64_t sequence,
                        std::string_view previous_hash, std::string_view host_name,
                        std::string_view program) {
    const bool is_refusal = !record.is_success && !record.source_ip.empty();
    const std::size_t longest = is_refusal ? kLongestRefusal : kLongestLine;
    for (const Bounds& bounds : kBounds) {
        std::string line = Line(record, bounds).build(time, sequence, previous_hash, host_name, program);
        if (line.size() < longest) {
            return line;
        }
    }
    Record bare = record;
    bare.claims = nullptr;
    bare.extra = {{"postern", {{"cut", "claims and extra fields"}}}};
    return Line(bare, kBounds.back()).build(time, sequence, previous_hash, host_name, program);
}

}  // namespace postern::audit
