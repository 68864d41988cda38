// The two ways to S5: the bridge that hosts run beside their node, and a portal.
#pragma once

#include <memory>
#include <string>

#include "marketplace/outbox_sender.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/portal.h"

namespace gptoss::marketplace {

// PUT {url}/s5/fs/{path}. The identifier that it answers must be ours.
Upload bridge_upload(std::string url);

// Into the directories of an identity, through an account at a portal. Throws Error(setting_invalid) for what is no
// portal's URL; nothing is asked before the first file.
Upload portal_upload(std::unique_ptr<provenance::s5::Identity> identity,
                     provenance::s5::PortalOptions options);

}  // namespace gptoss::marketplace
