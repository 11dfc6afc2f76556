"""The seven services in containers, as compose.yaml has them; scripts/test-stack runs these tests."""
