"""Composition roots: one module per thing that can be deployed. Only here do adapters meet the journey."""
