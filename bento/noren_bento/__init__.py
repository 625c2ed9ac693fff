"""What production runs and knows: releases, profiles, drift, services, traffic and the control loop."""
