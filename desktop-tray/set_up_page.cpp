#include <QBoxLayout>
#include <QCheckBox>
#include <QFontDatabase>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QUrl>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/pages.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr int kLongestAddress = 255;

}  // namespace

QString SetUpPage::address_from(const QString& typed) {
    QString text = typed.trimmed();
    if (!text.contains(QLatin1String("://"))) {
        text.prepend(QLatin1String("https://"));
    }
    const QUrl url(text, QUrl::StrictMode);
    const bool is_right = url.isValid() && url.scheme() == QLatin1String("https") && !url.host().isEmpty() &&
                          url.userInfo().isEmpty() && !url.hasQuery() && !url.hasFragment() &&
                          (url.path().isEmpty() || url.path() == QLatin1String("/"));
    return is_right ? url.toString(QUrl::RemovePath) : QString();
}

SetUpPage::SetUpPage(AgentClient* client, QWidget* parent)
    : Page(parent),
      client_(client),
      steps_(new QStackedWidget(this)),
      refusal_(new NoticeBox(NoticeBox::Tone::danger, this)) {
    steps_->addWidget(make_address_step());
    steps_->addWidget(make_compare_step());
    column()->addWidget(refusal_);
    column()->addWidget(steps_);
    start();
}

QWidget* SetUpPage::make_address_step() {
    auto* const step = new QWidget(this);
    auto* const rows = new QVBoxLayout(step);
    rows->setContentsMargins(0, 0, 0, 0);
    auto* const label = new QLabel(tr("Address of the &CA service"), step);
    address_ = new QLineEdit(step);
    address_->setObjectName(QStringLiteral("address"));
    address_->setMaxLength(kLongestAddress);
    address_->setPlaceholderText(QStringLiteral("ca.example.org:7444"));
    label->setBuddy(address_);
    go_on_ = new QPushButton(tr("C&ontinue"), step);
    go_on_->setProperty("primary", true);
    auto* const row = new QHBoxLayout;
    row->addWidget(go_on_);
    row->addStretch();
    rows->addWidget(label);
    rows->addWidget(address_);
    rows->addSpacing(8);
    rows->addLayout(row);
    rows->addStretch();
    connect(address_, &QLineEdit::textChanged, this,
            [this] { go_on_->setEnabled(!address_->text().trimmed().isEmpty()); });
    connect(address_, &QLineEdit::returnPressed, this, &SetUpPage::inspect);
    connect(go_on_, &QPushButton::clicked, this, &SetUpPage::inspect);
    return step;
}

QWidget* SetUpPage::make_compare_step() {
    auto* const step = new QWidget(this);
    auto* const rows = new QVBoxLayout(step);
    rows->setContentsMargins(0, 0, 0, 0);
    auto* const card = new QFrame(step);
    card->setProperty("card", true);
    auto* const inside = new QVBoxLayout(card);
    inside->setContentsMargins(16, 14, 16, 14);
    who_ = plain_label({}, card, true);
    make_quiet(who_);
    fingerprint_ = plain_label({}, card, true);
    fingerprint_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    fingerprint_->setWordWrap(false);
    fingerprint_->setMinimumWidth(0);
    fingerprint_->setAccessibleName(tr("Fingerprint of the CA"));
    inside->addWidget(fingerprint_);
    inside->addWidget(who_);

    auto* const label = new QLabel(tr("&Paste the fingerprint that you were given, or compare by eye"), step);
    label->setWordWrap(true);
    expected_ = new QLineEdit(step);
    expected_->setMaxLength(200);
    expected_->setPlaceholderText(QStringLiteral("sha256:…"));
    label->setBuddy(expected_);
    verdict_ = plain_label({}, step);
    compared_ = new QCheckBox(tr("I compared them: they are the &same"), step);
    trust_ = new QPushButton(tr("&Trust this CA"), step);
    trust_->setProperty("primary", true);
    back_ = new QPushButton(tr("&Back"), step);
    auto* const row = new QHBoxLayout;
    row->addWidget(trust_);
    row->addWidget(back_);
    row->addStretch();
    rows->addWidget(card);
    rows->addSpacing(6);
    rows->addWidget(label);
    rows->addWidget(expected_);
    rows->addWidget(verdict_);
    rows->addWidget(compared_);
    rows->addSpacing(8);
    rows->addLayout(row);
    rows->addStretch();
    connect(expected_, &QLineEdit::textChanged, this, &SetUpPage::compare);
    connect(compared_, &QCheckBox::toggled, this, &SetUpPage::judge);
    connect(trust_, &QPushButton::clicked, this, &SetUpPage::accept);
    connect(back_, &QPushButton::clicked, this, &SetUpPage::start);
    return step;
}

void SetUpPage::start() {
    set_busy(false);
    refusal_->clear();
    title()->setText(tr("Welcome to Postern"));
    text()->setText(
        tr("Postern opens your company's databases on this computer. Your administrator has told you the "
           "address of the CA service and its fingerprint."));
    steps_->setCurrentIndex(0);
    go_on_->setEnabled(!address_->text().trimmed().isEmpty());
    address_->setFocus();
}

void SetUpPage::inspect() {
    const QString address = address_from(address_->text());
    if (address.isEmpty()) {
        refusal_->show_trouble(own_trouble(QStringLiteral("address"),
                                           tr("That is not the address of a CA service."),
                                           tr("It looks like ca.example.org:7444.")));
        return;
    }
    if (is_busy_) {
        return;
    }
    set_busy(true);
    refusal_->clear();
    client_->ask(QStringLiteral("trust.inspect"), {{QStringLiteral("ca"), address}}, this,
                 [this](const Answer& answer) {
                     set_busy(false);
                     if (answer.is_ok()) {
                         show_inspected(inspected_ca_from(answer.result));
                     } else {
                         refusal_->show_trouble(about_ca(*answer.error));
                     }
                 });
}

void SetUpPage::show_inspected(const InspectedCa& ca) {
    inspected_ = ca;
    title()->setText(tr("Is this the right CA?"));
    text()->setText(
        tr("Whoever answers at %1 shows this fingerprint. Go on only if it is the one that you were given.")
            .arg(ca.ca));
    fingerprint_->setText(Wording::fingerprint(ca.fingerprint));
    who_->setText(
        tr("%1, valid until %2")
            .arg(ca.subject, QLocale().toString(ca.not_after.toLocalTime().date(), QLocale::LongFormat)));
    expected_->clear();
    comparison_ = Comparison::nothing_pasted;
    compared_->setChecked(false);
    judge();
    steps_->setCurrentIndex(1);
    expected_->setFocus();
}

void SetUpPage::compare() {
    const QString given = expected_->text();
    comparison_ = given.trimmed().isEmpty() ? Comparison::nothing_pasted : Comparison::asked;
    judge();
    if (comparison_ == Comparison::nothing_pasted) {
        return;
    }
    client_->ask(QStringLiteral("trust.compare"),
                 {{QStringLiteral("fingerprint"), inspected_.fingerprint}, {QStringLiteral("given"), given}},
                 this, [this, given](const Answer& answer) {
                     if (expected_->text() != given) {
                         return;
                     }
                     if (!answer.is_ok() || !answer.result[QStringLiteral("is_fingerprint")].toBool()) {
                         comparison_ = Comparison::no_fingerprint;
                     } else if (answer.result[QStringLiteral("is_same")].toBool()) {
                         comparison_ = Comparison::same;
                     } else {
                         comparison_ = Comparison::different;
                     }
                     judge();
                 });
}

void SetUpPage::judge() {
    const bool is_same = comparison_ == Comparison::same;
    const bool is_pasted = comparison_ != Comparison::nothing_pasted;
    const Tones tones = Tones::of(palette());
    QPalette ink = verdict_->palette();
    ink.setColor(QPalette::WindowText, is_same ? tones.good : tones.danger);
    verdict_->setPalette(ink);
    verdict_->setVisible(is_pasted && comparison_ != Comparison::asked);
    if (is_same) {
        verdict_->setText(tr("They are the same."));
    } else if (comparison_ == Comparison::different) {
        verdict_->setText(tr("They differ. Do not go on: this may be somebody else's server."));
    } else {
        verdict_->setText(tr("This is not a whole fingerprint: 64 digits and letters from A to F."));
    }
    compared_->setVisible(!is_pasted);
    trust_->setEnabled(!is_busy_ && (is_pasted ? is_same : compared_->isChecked()));
}

void SetUpPage::accept() {
    set_busy(true);
    refusal_->clear();
    client_->ask(
        QStringLiteral("trust.accept"),
        {{QStringLiteral("ca"), inspected_.ca}, {QStringLiteral("fingerprint"), inspected_.fingerprint}},
        this, [this](const Answer& answer) {
            // The window turns to signing in when the agent says that it trusts the CA.
            set_busy(false);
            judge();
            if (!answer.is_ok()) {
                refusal_->show_trouble(about_ca(*answer.error));
            }
        });
}

void SetUpPage::set_busy(bool is_busy) {
    is_busy_ = is_busy;
    go_on_->setText(is_busy ? tr("Asking …") : tr("C&ontinue"));
    address_->setReadOnly(is_busy);
    trust_->setEnabled(!is_busy);
}

void SetUpPage::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && steps_->currentIndex() == 1) {
        start();
        return;
    }
    Page::keyPressEvent(event);
}

}  // namespace postern::tray
