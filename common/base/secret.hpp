// A string that must not appear in a log: a password, a passphrase, a token. It has no formatter and no
// operator<<, and it wipes its memory when it is destroyed.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace postern {

/// Owns the text of a secret. Not thread-safe.
class Secret {
public:
    Secret() = default;
    /// Takes the text over and wipes the string that it came in.
    explicit Secret(std::string&& text) : text_(text) { wipe(text); }
    explicit Secret(std::string_view text) : text_(text) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe(text_);
            text_ = other.text_;
        }
        return *this;
    }
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(text_);
            text_ = std::move(other.text_);
            wipe(other.text_);
        }
        return *this;
    }
    ~Secret() { wipe(text_); }

    /// The text itself, valid as long as the Secret is unchanged. The name is unusual so that each use stands
    /// out in a review.
    std::string_view reveal() const noexcept { return text_; }
    bool is_empty() const noexcept { return text_.empty(); }

private:
    /// Wipes the whole capacity: a short string that is moved from keeps its characters in its buffer.
    static void wipe(std::string& text) noexcept {
        text.resize(text.capacity());
        explicit_bzero(text.data(), text.size());
        text.clear();
    }

    std::string text_;
};

}  // namespace postern
