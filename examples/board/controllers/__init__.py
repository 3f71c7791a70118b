"""The controllers: one module for each part of the board, each with its routes."""
