"""scripts/deploy_automation.sh, as far as it can be tried without containers."""
