// The node's place on S5, from its settings.
#pragma once

#include <memory>

#include "node/settings.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/portal.h"

namespace gptoss::node {

bool has_portal(const Settings& settings);  // S5_PORTAL_URL is set

// Throws Error(setting_invalid) for a phrase that is none or none at all; it is never printed.
std::unique_ptr<provenance::s5::Identity> s5_identity(const Settings& settings);

// Throws Error(setting_invalid) for a host key that is none.
provenance::s5::PortalOptions portal_options(const Settings& settings);

}  // namespace gptoss::node
